"""Pipelines outside the table of families: tried at load, used or refused with the measured difference."""

import inspect
import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import diffusers
import pytest
import torch
import transformers
from diffusers.pipelines.prx import pipeline_prx
from transformers.models.t5gemma.modeling_t5gemma import T5GemmaEncoder

from sjc_blender.engine.score_models import any_pipeline, other_pipeline, pipeline_model
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.score_models.score_model import Condition
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.model_families import FAMILIES, family_of
from sjc_blender.protocol.spec import ModelSpec
from sjc_blender.protocol.text_to_image import KNOWN_CLASSES, OTHER_TASKS
from tests.engine.own_sampler import PROMPT, SIDE, compare, own_steps
from tests.engine.tiny_families import _clip, _t5, _t5_tokenizer, _unet_options, _vae
from tests.engine.tiny_pipeline import tiny_tokenizer
from tests.engine.tiny_text_to_image import (
    USUAL,
    VOCABULARY,
    _dynamic,
    _flow,
    _language_model,
    _qwen_vae,
    _qwen_vl,
    _save,
    _words,
    save_text_to_image,
)

pytestmark = pytest.mark.usefixtures("small_samples")


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


def krea_2():
    transformer = diffusers.Krea2Transformer2DModel(
        in_channels=16,
        num_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=16,
        timestep_embed_dim=8,
        text_hidden_dim=16,
        num_text_layers=2,
        text_num_attention_heads=2,
        text_num_key_value_heads=2,
        text_intermediate_size=16,
        num_layerwise_text_blocks=1,
        num_refiner_text_blocks=1,
        axes_dims_rope=(8, 4, 4),
    )
    vision = {"deepstack_visual_indexes": [0], "num_position_embeddings": 16}
    encoder = _qwen_vl(transformers.Qwen3VLModel, transformers.Qwen3VLConfig, **vision)
    layers = [1, 2]
    return diffusers.Krea2Pipeline(
        _dynamic(), _qwen_vae(), encoder, _words(), transformer, text_encoder_select_layers=layers
    )


def longcat_image():
    transformer = diffusers.LongCatImageTransformer2DModel(
        in_channels=64,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        pooled_projection_dim=16,
        axes_dims_rope=[4, 4, 8],
    )
    vae = _vae(16, scaling_factor=0.36, shift_factor=0.11)
    encoder = _qwen_vl(transformers.Qwen2_5_VLForConditionalGeneration, transformers.Qwen2_5_VLConfig)
    return diffusers.LongCatImagePipeline(
        scheduler=_dynamic(),
        vae=vae,
        text_encoder=encoder,
        tokenizer=_words(),
        text_processor=None,
        transformer=transformer,
    )


def prx():
    layers = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    numbers = {"num_key_value_heads": 2, "head_dim": 8, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 3}
    config = transformers.T5GemmaModuleConfig(vocab_size=len(VOCABULARY), dropout_rate=0.0, **layers, **numbers)
    transformer = diffusers.PRXTransformer2DModel(
        in_channels=4, context_in_dim=16, hidden_size=16, mlp_ratio=2.0, num_heads=2, depth=1, axes_dim=[4, 4]
    )
    encoder = T5GemmaEncoder(config)
    return diffusers.PRXPipeline(transformer, _flow(shift=3.0), encoder, _words(), _vae(4), 2 * SIDE)


def latent_consistency():
    unet = diffusers.UNet2DConditionModel(
        sample_size=SIDE, in_channels=4, out_channels=4, cross_attention_dim=16, time_cond_proj_dim=8, **_unet_options()
    )
    encoder, scheduler = _clip(transformers.CLIPTextModel), diffusers.LCMScheduler(**USUAL)
    return diffusers.LatentConsistencyModelPipeline(
        _vae(4), encoder, tiny_tokenizer(), unet, scheduler, None, None, requires_safety_checker=False
    )


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


def test_a_pipeline_whose_settings_say_its_side_in_pixels_has_samples_of_its_size(tmp_path, monkeypatch):
    """PRX, with what the engine does not have: a package that mends texts, and its encoder by name."""
    monkeypatch.setattr(transformers, "T5GemmaEncoder", T5GemmaEncoder, raising=False)
    monkeypatch.setattr(any_pipeline, "square_side", pipeline_model.square_side)
    monkeypatch.setattr(pipeline_prx, "ftfy", SimpleNamespace(fix_text=str), raising=False)
    model = load(saved(prx, tmp_path / "prx"))
    assert model.sample_size == SIDE


def text_to_image_pipelines():
    """Classes of diffusers whose call makes a picture of a prompt, and no film; none that it deprecates."""
    for name in dir(diffusers):
        cls = getattr(diffusers, name) if name.endswith("Pipeline") else None
        if not (inspect.isclass(cls) and issubclass(cls, diffusers.DiffusionPipeline) and callable(cls)):
            continue
        known = inspect.signature(cls.__call__).parameters.keys()
        film = {"num_frames", "num_videos_per_prompt", "frames", "video_length"} & known
        if {"prompt", "height", "width"} <= known and not film and "deprecated" not in cls.__module__:
            yield cls


def test_every_text_to_image_pipeline_of_diffusers_is_used_or_refused_for_a_reason_that_is_told():
    page = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "families_page.py"))
    told = page["refused"]()
    used = {pipeline for family in FAMILIES for pipeline in family.pipelines} | {
        "BriaPipeline",
        "Krea2Pipeline",
        "LongCatImagePipeline",
    }
    classes = {cls.__name__: cls for cls in text_to_image_pipelines()}
    found = {name for name in classes if name not in used and not any(word in name for word in OTHER_TASKS)}
    assert found == told.keys()
    calls = {name: other_pipeline._not_text_to_image(classes[name]) for name in found}
    assert {name: why for name, why in calls.items() if why} == page["LACKING"]
    for name, part in page["UNKNOWN"].items():
        assert part in str(inspect.signature(classes[name].__init__)), name
        assert not {f"diffusers.{part}", f"transformers.{part}"} & KNOWN_CLASSES, name


SCALE = 3.0
LONGCAT = {"absent": ["text_processor"], "enable_prompt_rewrite": False}


@pytest.mark.parametrize(
    ("make", "unguided", "guided"),
    [
        # Krea 2 counts from 0; what LongCat-Image adds to guidance is not the engine's.
        (krea_2, {"guidance_scale": 0.0}, {"guidance_scale": SCALE - 1}),
        (
            longcat_image,
            {"guidance_scale": 1.0, **LONGCAT},
            {"guidance_scale": SCALE, "enable_cfg_renorm": False, **LONGCAT},
        ),
    ],
    ids=["krea_2", "longcat_image"],
)
def test_one_outside_the_table_is_denoised_and_guided_as_by_its_own_sampler(tmp_path, make, unguided, guided):
    folder = saved(make, tmp_path / "model")
    model = load(folder)
    positive, negative = model.encode([PROMPT, "a blue mug"]).split(1)
    name = model.family.pipeline
    compare(model, own_steps(folder, name, model, **unguided), Condition(positive))
    steps = own_steps(folder, name, model, negative_prompt="a blue mug", **guided)
    compare(model, steps, Condition(positive, negative, SCALE))
    assert model.decode(steps[0][1].float()).shape == (1, 3, 2 * SIDE, 2 * SIDE)


def test_a_noise_level_without_signal_is_left_out_of_the_trial(tmp_path):
    folder = save_text_to_image("pixart_sigma", tmp_path / "model")
    file = folder / "scheduler" / "scheduler_config.json"
    ends_in_noise = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "prediction_type": "v_prediction"}
    file.write_text(json.dumps({**json.loads(file.read_text()), **ends_in_noise}))
    model = load(folder)
    levels = [step.sigma for step in other_pipeline.own_steps(model, guided=False)]
    assert len(levels) == other_pipeline.STEPS - 1
    other_pipeline.require_agreement(folder, model)


def test_one_that_cannot_do_without_steps_is_refused_with_what_was_raised(tmp_path):
    told = refusal(saved(latent_consistency, tmp_path / "lcm"))
    assert "'LatentConsistencyModelPipeline'" in told
    assert "its call fails in a trial (UnboundLocalError" in told


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
