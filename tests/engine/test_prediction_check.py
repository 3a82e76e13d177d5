"""A network that predicts something else than its files say is found out; a right one never is."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from diffusers.pipelines.latent_consistency_models.pipeline_latent_consistency_text2img import (
    LatentConsistencyModelPipeline,
)
from safetensors.torch import load_file, save_file

from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.score_models.pipeline_model import DISTILLED_GUIDANCE, guidance_input
from sjc_blender.engine.score_models.preconditioning import VARIANCE_PRESERVING
from sjc_blender.engine.score_models.prediction_check import prediction_of, readings, smooth_sample
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.model_families import BUILTIN
from sjc_blender.protocol.spec import ModelSpec
from tests.engine.original_format import save_original_format
from tests.engine.tiny_families import FAMILIES, save_family
from tests.engine.tiny_pipeline import save_tiny_pipeline


@pytest.mark.parametrize("told", ["epsilon", "sample"])
def test_a_mislabelled_folder_is_refused_with_what_it_is(tmp_path, told):
    folder = Path(shutil.copytree(BUILTIN, tmp_path / "prior"))
    file = folder / "scheduler" / "scheduler_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"prediction_type": told}))
    with pytest.raises(SjcError) as caught:
        load_score_model(ModelSpec(str(folder), device="cpu"))
    assert caught.value.code == "mislabelled_model"
    assert repr(told) in caught.value.message
    assert "'v_prediction'" in caught.value.message
    assert '"prediction_type": "v_prediction"' in caught.value.hint


def test_a_network_of_v_under_a_flows_scheduler_is_told_with_its_own_label(tmp_path):
    folder = Path(shutil.copytree(BUILTIN, tmp_path / "prior"))
    file, index = folder / "scheduler" / "scheduler_config.json", folder / "model_index.json"
    flow = {"_class_name": "DPMSolverMultistepScheduler", "prediction_type": "flow_prediction", "use_flow_sigmas": True}
    file.write_text(json.dumps(json.loads(file.read_text()) | flow))
    index.write_text(json.dumps(json.loads(index.read_text()) | {"scheduler": ["diffusers", flow["_class_name"]]}))
    model = load_score_model(ModelSpec(str(folder), device="cpu"))
    assert model.prediction_type == "flow"
    assert ['"prediction_type": "v_prediction"' in remark for remark in model.remarks] == [True]


def test_the_built_in_prior_is_right():
    assert load_score_model(ModelSpec("builtin", device="cpu")).prediction_type == "v_prediction"


@pytest.mark.parametrize("name", FAMILIES)
def test_a_network_that_knows_nothing_is_not_judged(name, tmp_path):
    model = load_score_model(ModelSpec(str(save_family(name, tmp_path / name)), device="cpu"))
    if model.prediction_type not in VARIANCE_PRESERVING:
        return
    told = model.encode(["0" if hasattr(model, "classes") else ""]) if model.conditional else None
    found = readings(model, told, smooth_sample(model, model._pipeline))
    assert prediction_of(found) is None


@pytest.fixture
def single_file(tmp_path):
    """A tiny checkpoint in one file that is said to predict noise, by the folder beside it."""
    folder = save_tiny_pipeline(tmp_path / "tiny", "epsilon", text_in_time=False)
    file = folder.with_suffix(".safetensors")
    save_original_format(StableDiffusionPipeline.from_pretrained(folder, safety_checker=None), file)
    return file


def add_tensors(file, *names):
    tensors = load_file(file)
    save_file(tensors | {name: torch.zeros(0) for name in names}, file)


def test_a_single_file_tells_v_and_zero_snr_by_the_names_of_its_tensors(single_file):
    assert load_score_model(ModelSpec(str(single_file), device="cpu")).prediction_type == "epsilon"
    add_tensors(single_file, "v_pred", "ztsnr")
    model = load_score_model(ModelSpec(str(single_file), device="cpu"))
    assert model.prediction_type == "v_prediction"
    assert len(model.sigmas) == 999


def test_a_single_file_of_another_task_is_told_by_its_channels(single_file):
    tensors = load_file(single_file)
    name = "model.diffusion_model.input_blocks.0.0.weight"
    wide = torch.zeros(tensors[name].shape[0], 9, *tensors[name].shape[2:])
    save_file(tensors | {name: wide}, single_file)
    with pytest.raises(SjcError, match="9 is inpainting") as caught:
        load_score_model(ModelSpec(str(single_file), device="cpu"))
    assert caught.value.code == "unsupported_pipeline"


@pytest.mark.parametrize("width", [8, 9, 256])
def test_networks_with_guidance_as_an_input_are_told_it_as_their_own_pipeline_does(width):
    options = {"block_out_channels": (8, 16), "layers_per_block": 1, "norm_num_groups": 4, "cross_attention_dim": 8}
    blocks = {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2}
    unet = UNet2DConditionModel(sample_size=8, time_cond_proj_dim=width, attention_head_dim=2, **options, **blocks)
    theirs = LatentConsistencyModelPipeline.get_guidance_scale_embedding(
        None, torch.tensor([DISTILLED_GUIDANCE]), embedding_dim=width
    )
    torch.testing.assert_close(guidance_input(unet, 2)["timestep_cond"], theirs.expand(2, -1))
    plain = UNet2DConditionModel(sample_size=8, attention_head_dim=2, **options, **blocks)
    assert guidance_input(plain, 2) == {}


def test_a_network_that_does_not_say_how_large_its_samples_are_is_told(single_file):
    folder = single_file.with_suffix("")
    file = folder / "unet" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"sample_size": None}))
    with pytest.raises(SjcError, match="sample_size") as caught:
        load_score_model(ModelSpec(str(folder), device="cpu"))
    assert caught.value.code == "broken_model"
