"""Pipelines outside the table of families: tried at load, used or refused with the measured difference."""

import json

import diffusers
import pytest
import torch
import transformers

from sjc_blender.engine.score_models import any_pipeline
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.score_models.score_model import Condition
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.model_families import family_of
from sjc_blender.protocol.spec import ModelSpec
from tests.engine.tiny_families import _t5, _t5_tokenizer, _vae
from tests.engine.tiny_text_to_image import _flow, _language_model, _save, _words, save_text_to_image

SIDE = 8


@pytest.fixture(autouse=True)
def small_samples(monkeypatch):
    monkeypatch.setattr(any_pipeline, "square_side", lambda side: SIDE)


def load(folder):
    return load_score_model(ModelSpec(str(folder), device="cpu"))


def refusal(folder):
    with pytest.raises(SjcError) as caught:
        load(folder)
    assert caught.value.code == "unsupported_pipeline"
    return caught.value.message


def bria():
    transformer = diffusers.BriaTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=None,
        axes_dims_rope=[0, 4, 4],
    )
    vae = _vae(4, scaling_factor=0.13, shift_factor=0.1)
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    return diffusers.BriaPipeline(transformer, scheduler, vae, _t5(), _t5_tokenizer())


def lumina():
    transformer = diffusers.LuminaNextDiT2DModel(
        sample_size=SIDE,
        patch_size=2,
        in_channels=4,
        hidden_size=16,
        num_layers=1,
        num_attention_heads=1,
        num_kv_heads=1,
        multiple_of=16,
        learn_sigma=True,
        cross_attention_dim=16,
    )
    encoder = _language_model(transformers.GemmaForCausalLM, transformers.GemmaConfig)
    return diffusers.LuminaPipeline(transformer, _flow(), _vae(4), encoder, _words())


def saved(make, folder):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _save(make(), folder)
    return folder


def test_a_pipeline_that_agrees_with_its_own_sampler_is_used(tmp_path):
    folder = saved(bria, tmp_path / "bria")
    assert family_of(folder).name == "text_to_image"
    model = load(folder)
    assert model.family.pipeline == "BriaPipeline"
    positive, negative = model.encode(["a red chair", ""]).split(1)
    z = torch.randn(2, model.channels, SIDE, SIDE)
    denoised = model.denoise(z, 500, Condition(positive, negative, 4.0))
    assert torch.isfinite(denoised).all()
    assert model.decode(denoised).shape == (2, 3, 2 * SIDE, 2 * SIDE)


def test_one_that_guides_otherwise_is_refused_with_the_measured_difference(tmp_path):
    told = refusal(saved(lumina, tmp_path / "lumina"))
    assert "'LuminaPipeline'" in told
    assert "under guidance differ by" in told
    assert "allowed: 0.001" in told


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"_class_name": "InventedPipeline"}, "has no such pipeline"),
        ({"_class_name": "KandinskyPipeline"}, "its call has no encode_prompt"),
        ({"_class_name": "BriaPipeline", "text_encoder": ["transformers", "AutoModel"]}, "'text_encoder'"),
        ({"_class_name": "BriaPipeline", "transformer": ["my_code", "Mine"]}, "'transformer'"),
    ],
)
def test_classes_that_do_not_follow_the_contract_are_refused_before_anything_is_loaded(tmp_path, change, told):
    folder = save_text_to_image("pixart_sigma", tmp_path / "model")
    index = folder / "model_index.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), **change}))
    for weights in folder.rglob("*.safetensors"):
        weights.write_bytes(b"not to be read")
    assert told in refusal(folder)
