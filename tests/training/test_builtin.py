# SPDX-License-Identifier: GPL-3.0-or-later
"""The built-in model as it ships."""

import json
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).resolve().parents[2] / "sjc_blender" / "models" / "builtin"
pytestmark = pytest.mark.skipif(not (FOLDER / "model_index.json").exists(), reason="the model is not trained yet")


@pytest.fixture(scope="module")
def profile() -> dict:
    return json.loads((FOLDER / "sjc.json").read_text(encoding="utf-8"))


def test_is_small_and_has_no_pickle():
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 20e6
    assert {path.suffix for path in files} <= {".json", ".txt", ".md", ".png", ".safetensors"}


def test_says_nothing_of_the_machine_that_made_it():
    for path in FOLDER.rglob("*.json"):
        assert "_name_or_path" not in json.loads(path.read_text(encoding="utf-8")), path


def test_its_words_have_the_numbers_that_its_weights_were_trained_with():
    """The tokenizer of a training is the same in every process, and the one that ships."""
    from training.text import build_tokenizer

    shipped = json.loads((FOLDER / "tokenizer" / "vocab.json").read_text(encoding="utf-8"))
    assert build_tokenizer().get_vocab() == shipped


def test_profile_is_complete(profile):
    assert profile["version"] == 1
    assert [len(band["views"]) for band in profile["views"]["bands"]] == [8, 8, 8]
    for band in profile["views"]["bands"]:
        assert [view["azimuth"] for view in band["views"]] == list(range(0, 360, 45))
        assert all("{prompt}" in view["text"] for view in band["views"])
    assert len(profile["background"]) == 4
    assert [len(row) for row in profile["latent_rgb"]] == [3] * 4
    assert len(profile["latent_rgb_bias"]) == 3
    assert len(profile["vocabulary"]["objects"]) >= 8


def test_a_stock_pipeline_loads_it_and_draws_a_red_car():
    from training.assemble import load
    from training.pictures import sample

    pipeline = load(FOLDER)
    assert pipeline.scheduler.config.prediction_type == "v_prediction"
    assert {p.dtype for p in pipeline.unet.parameters()} == {torch.float32}
    (picture,) = sample(pipeline, ["front left middle view of a red car"], seed=0, steps=12)
    assert picture.shape == (64, 64, 3)
    redness = picture[..., 0] - picture[..., 1:].max(2)
    assert (redness > 0.2).mean() > 0.04
