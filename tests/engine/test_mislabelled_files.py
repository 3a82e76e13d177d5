"""A corpus of single files whose marks say right or wrong what their network predicts, or nothing."""

import json
import shutil

import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

from sjc_blender.engine.score_models import prediction_check, single_file
from sjc_blender.engine.score_models.loading import ADAPTERS, load_score_model
from sjc_blender.engine.score_models.noise_levels import sigma_table
from sjc_blender.engine.score_models.prediction_check import told_as
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.spec import ModelSpec
from tests.engine.ideal_networks import SCHEDULES, SIGMA_DATA, IdealNetwork
from tests.engine.original_format import save_original_format
from tests.engine.test_loading import put_into_cache
from tests.engine.test_mislabelled import smooth_latents
from tests.engine.tiny_families import save_family

XL, SD = "stable_diffusion_xl", "stable_diffusion"
WIDTHS = {SD: 16, XL: 16 + 24}
PLAYGROUND = {"edm_mean": [0.0] * 4, "edm_std": [1.0] * 4}
COSXL = {"edm_vpred.sigma_max": [120.0], "edm_vpred.sigma_min": [0.002]}
V, ZERO = {"v_pred": []}, {"v_pred": [], "ztsnr": []}


@pytest.fixture(scope="module", params=[SD, XL])
def checkpoint(request, tmp_path_factory):
    """A family, a folder of it, and the file that was made of that."""
    folder = save_family(request.param, tmp_path_factory.mktemp("files") / "tiny")
    options = {"safety_checker": None} if request.param == SD else {"add_watermarker": False}
    kind = StableDiffusionPipeline if request.param == SD else StableDiffusionXLPipeline
    save_original_format(kind.from_pretrained(folder, **options), folder.with_suffix(".safetensors"))
    return request.param, folder


@pytest.fixture
def network(checkpoint, monkeypatch):
    """Let the file's network answer as an ideal one of some kind."""

    def answer_as(kind, schedule="Stable Diffusion's"):
        def answer(model, network_input, timestep, embeddings):
            ideal = IdealNetwork(kind, kind, schedule, size=model.sample_size)
            return ideal.answer(network_input, model._time(timestep))

        monkeypatch.setattr(ADAPTERS[checkpoint[0]], "_predict", answer)

    monkeypatch.setattr(prediction_check, "encode_pictures", smooth_latents)
    return answer_as


@pytest.fixture
def borrowed(checkpoint, tmp_path, monkeypatch):
    """Make a file alone, whose configuration is in the cache, with marks and metadata."""
    family, folder = checkpoint
    cache = tmp_path / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(single_file, "ORIGINALS", {WIDTHS[family]: ("original/model",)})

    def make(told, marks, metadata=None):
        original = shutil.copytree(folder, tmp_path / "original")
        say(original, told)
        put_into_cache(cache, "original/model", original)
        return marked(folder, tmp_path / "alone.safetensors", marks, metadata)

    return make


def marked(folder, file, marks, metadata=None):
    tensors = load_file(folder.with_suffix(".safetensors"))
    save_file(tensors | {name: torch.tensor(numbers) for name, numbers in marks.items()}, file, metadata=metadata)
    return file


def say(folder, prediction, **more):
    file = folder / "scheduler" / "scheduler_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "prediction_type": prediction, **more}))


def load(file):
    return load_score_model(ModelSpec(str(file), device="cpu"))


@pytest.mark.parametrize("told", ["epsilon", "v_prediction"])
@pytest.mark.parametrize(
    ("marks", "metadata"),
    [({}, None), (V, None), ({}, {"modelspec.prediction_type": "epsilon"}), ({}, {"modelspec.prediction_type": "v"})],
    ids=["no mark", "v_pred", "specified epsilon", "specified v"],
)
@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_a_file_with_a_borrowed_configuration_runs_as_what_its_network_is(
    network, borrowed, kind, marks, metadata, told
):
    network(kind)
    model = load(borrowed(told, marks, metadata))
    assert model.prediction_type == kind
    assert model.remarks == ()


@pytest.mark.parametrize(
    ("metadata", "prediction"), [("epsilon", "epsilon"), ("v", "v_prediction"), ("else", "v_prediction")]
)
def test_metadata_tell_the_prediction_where_the_network_tells_none(borrowed, metadata, prediction):
    model = load(borrowed("v_prediction", {}, {"modelspec.prediction_type": metadata}))
    assert model.prediction_type == prediction
    assert ["no trained network" in remark for remark in model.remarks] == [True]


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_a_mark_of_zero_terminal_snr_is_taken_and_tried(network, borrowed, kind):
    network(kind, "zero-SNR" if kind == "v_prediction" else "Stable Diffusion's")
    model = load(borrowed("epsilon", ZERO))
    assert model.prediction_type == kind
    assert len(model.sigmas) == len(sigma_table(SCHEDULES["zero-SNR"] | {"num_train_timesteps": 1000})) == 999
    wrong = ['"rescale_betas_zero_snr": false' in remark for remark in model.remarks]
    assert wrong == ([True] if kind == "epsilon" else [])


@pytest.mark.parametrize("told", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("marks", [{}, V], ids=["no mark", "v_pred"])
@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_a_file_with_a_folder_of_its_own_is_refused_only_where_the_folder_can_be_mended(
    checkpoint, network, tmp_path, kind, marks, told
):
    folder = shutil.copytree(checkpoint[1], tmp_path / "own")
    say(folder, told)
    file = marked(checkpoint[1], tmp_path / "own.safetensors", marks)
    network(kind)
    if not marks and told != kind:
        with pytest.raises(SjcError, match="said to predict") as refused:
            load(file)
        assert f'"prediction_type": "{kind}"' in refused.value.hint
        say(folder, kind)
    model = load(file)
    assert (model.prediction_type, model.remarks) == (kind, ())


@pytest.mark.parametrize("marks", [PLAYGROUND, COSXL, {}], ids=["edm_mean", "edm_vpred", "no mark"])
@pytest.mark.parametrize("kind", ["edm_epsilon", "edm_v_prediction", "v_prediction"])
def test_marks_of_edm_hold_where_the_network_is_such_and_are_warned_of_where_not(network, borrowed, kind, marks):
    network(kind)
    model = load(borrowed("epsilon", marks))
    right = {"edm_epsilon": PLAYGROUND, "edm_v_prediction": COSXL, "v_prediction": {}}[kind]
    if marks == right:
        assert (model.prediction_type, model.remarks) == (kind, ())
        return
    named = f'"prediction_type": "{told_as(kind)}"'
    data = f'"sigma_data": {SIGMA_DATA[kind]:g}' if kind in SIGMA_DATA else '"beta_schedule"'
    assert [named in remark and data in remark for remark in model.remarks] == [True]
