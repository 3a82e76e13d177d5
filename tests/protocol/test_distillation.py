"""Distilled models are recognised by their files and names, and are used without guidance at their own noise levels."""

import json

import pytest

from sjc_blender.protocol.distillation import DISTILLATIONS, distillation_of
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.presets import new_job

NAMES = {
    "stabilityai/sdxl-turbo": "turbo",
    "stabilityai/stable-diffusion-3.5-large-turbo": "turbo",
    "/models/DreamShaperXL_Turbo_v2.safetensors": "turbo",
    "C:\\models\\pixel-turbo.safetensors": "turbo",
    "black-forest-labs/FLUX.1-schnell": "turbo",
    "ByteDance/SDXL-Lightning": "lightning",
    "juggernautXL_v9Rdphoto2Lightning": "lightning",
    "Hyper-SD15-8steps-lora.safetensors": "hyper",
    "SimianLuo/LCM_Dreamshaper_v7": "lcm",
    "latent-consistency/lcm-lora-sdv1-5": "lcm",
    "hyperrealism_v3": None,
    "stable-diffusion-v1-5/stable-diffusion-v1-5": None,
    "turbo/plain-model": None,
}


@pytest.mark.parametrize("name", NAMES)
def test_names_tell_distilled_models(name):
    found = distillation_of("auto", name, None)
    assert (found and found.name) == NAMES[name]
    assert distillation_of("no", name, None) is None


def test_a_lora_of_distillation_tells_its_model():
    found = distillation_of("auto", "some/model", None, ["/loras/sdxl_lightning_8step_lora.safetensors"])
    assert found is not None
    assert found.name == "lightning"


def make(folder, unet=None, scheduler=None, profile=None):
    for name, config in (("unet/config.json", unet), ("scheduler/scheduler_config.json", scheduler)):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(json.dumps({"num_train_timesteps": 1000} | (config or {})))
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    if profile is not None:
        needed = {"name": "mine", "family": "stable_diffusion", "image_size": 512}
        (folder / "sjc.json").write_text(json.dumps(needed | profile))
    return str(folder)


@pytest.mark.parametrize(
    "files",
    [
        {"unet": {"time_cond_proj_dim": 256}},
        {"scheduler": {"_class_name": "LCMScheduler"}},
        {"scheduler": {"_class_name": "TCDScheduler"}},
        {"profile": {"distilled": "turbo"}},
    ],
)
def test_jobs_of_a_distilled_model_are_not_guided(tmp_path, files):
    source = make(tmp_path / "mine", **files)
    assert new_job("a chair", model=source).optimisation.guidance_scale == 1.0


def test_what_the_models_own_profile_says_comes_before(tmp_path):
    lcm = {"time_cond_proj_dim": 256}
    own = {"settings": {"optimisation": {"guidance_scale": 1.5}}}
    assert new_job("a chair", model=make(tmp_path / "a", lcm, profile=own)).optimisation.guidance_scale == 1.5
    usual = new_job("a chair", model=make(tmp_path / "b")).optimisation.guidance_scale
    denied = make(tmp_path / "c", lcm, profile={"distilled": "no"})
    assert usual > 1
    assert new_job("a chair", model=denied).optimisation.guidance_scale == usual


def test_a_single_file_has_its_profile_in_the_folder_of_its_name(tmp_path):
    make(tmp_path / "mine", profile={"distilled": "turbo"})
    (tmp_path / "mine.safetensors").write_bytes(b"")
    assert load_profile(str(tmp_path / "mine.safetensors")).name == "mine"


def test_the_levels_are_those_that_the_models_were_made_for():
    kinds = {distillation.name: distillation for distillation in DISTILLATIONS}
    assert kinds["turbo"].timesteps(1000) == (249, 499, 749, 999)
    assert kinds["lightning"].timesteps(1000) == (124, 249, 374, 499, 624, 749, 874, 999)
    assert kinds["lcm"].timesteps(1000)[:3] == (19, 39, 59)
    # Of a flow with a shift of 3: t = 0.5, 0.75, 0.9 and 1.
    assert kinds["turbo"].timesteps(1000, shift=3.0) == (499, 749, 899, 999)
