"""The yardstick for public models, with the built-in prior and a tiny CLIP in their places."""

import json
import sys

import pytest
import torch
from transformers import CLIPConfig, CLIPModel

from benchmarks.public import __main__ as command
from benchmarks.public import clip as clip_module
from benchmarks.public.clip import Clip, r_precision
from benchmarks.public.run import Figures, read_prompts
from tests.engine.tiny_pipeline import tiny_tokenizer

SMALL = ["--set", "optimisation.steps=6", "field.resolution=12", "outputs.colour_views=4", "model.device=cpu"]


@pytest.fixture
def tiny_clip(tmp_path):
    tokenizer = tiny_tokenizer()
    text = {"vocab_size": len(tokenizer), "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
            "num_attention_heads": 2, "max_position_embeddings": 32, "bos_token_id": 0, "eos_token_id": 1}  # fmt: skip
    vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
              "image_size": 32, "patch_size": 16}  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8))
    model.save_pretrained(tmp_path / "clip")
    tokenizer.save_pretrained(tmp_path / "clip")
    return Clip(tmp_path / "clip", torch.device("cpu")), model


def test_directions_are_those_of_the_model_itself(tiny_clip):
    clip, model = tiny_clip
    pictures = torch.rand(2, 3, 32, 32)
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in (clip_module.MEAN, clip_module.DEVIATION))
    told = tiny_tokenizer()(["a red chair", "a mug"], padding=True, return_tensors="pt")
    with torch.no_grad():
        theirs = model(pixel_values=(pictures - mean) / deviation, **told)
    torch.testing.assert_close(clip.pictures(pictures), theirs.image_embeds, atol=1e-5, rtol=0)
    torch.testing.assert_close(clip.texts(["a red chair", "a mug"]), theirs.text_embeds, atol=1e-5, rtol=0)


def test_a_picture_counts_if_its_own_prompt_is_the_nearest():
    texts = torch.eye(3)
    pictures = torch.tensor([[1.0, 0, 0], [0.6, 0.8, 0], [0, 0, 1.0], [0.9, 0, 0.1]])
    assert r_precision(pictures, texts, 0) == 0.5
    assert r_precision(pictures, texts, 1) == 0.25


def test_prompts_are_read_a_line_each(tmp_path):
    (tmp_path / "prompts.txt").write_text("# of someone\n a red duck \n\na mug\na red duck\n")
    assert read_prompts(tmp_path / "prompts.txt") == ["a red duck", "a mug"]


def test_objects_are_made_measured_and_not_made_again(tmp_path, monkeypatch, capsys, tiny_clip):
    (tmp_path / "prompts.txt").write_text("a red duck\na blue mug\na flying pig\n")
    monkeypatch.setattr(command, "cached_clip", lambda device: tiny_clip[0])
    words = ["--model", "builtin", "--prompts", str(tmp_path / "prompts.txt"), "--preset", "draft", "--first", "1"]
    monkeypatch.setattr(sys, "argv", ["public", *words, "--out", str(tmp_path / "out"), *SMALL])
    assert command.main() == 0
    told = capsys.readouterr().out
    (found,) = json.loads((tmp_path / "out" / "public.json").read_text())["objects"]
    assert found["prompt"] == "a red duck" and found["steps"] == 6 and found["seconds"] > 0
    assert 0 <= found["r_precision"] <= 1 and found["peak_bytes"] > 0
    assert "| objects | 1 |" in told and "CLIP R-precision | not" not in told
    made = tmp_path / "out" / "000-a-red-duck" / "result" / "metrics.json"
    before = made.stat().st_mtime_ns
    assert command.main() == 0
    assert made.stat().st_mtime_ns == before


def test_what_came_to_nothing_is_counted():
    whole = Figures("a duck", "", 10.0, 100, 10**9, 0, 0.2, 0.3, 1.0)
    failed = Figures("a mug", "out_of_memory", 5.0, 100, 10**9)
    told = "\n".join(command.table([whole, failed]))
    assert "| diverged | 50.0% |" in told and "| CLIP R-precision | 100.0% |" in told
