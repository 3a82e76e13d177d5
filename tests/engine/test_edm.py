"""Networks preconditioned as in EDM (Playground 2.5, CosXL), in folders and in single files."""

import json

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file

from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.score_models.score_model import Condition
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.spec import ModelSpec
from tests.engine.original_format import save_original_format
from tests.engine.own_sampler import PROMPT, compare, own_steps
from tests.engine.tiny_families import save_family

NEGATIVE = "photo of the blue mug"
SCHEDULERS = {
    "playground": diffusers.EDMDPMSolverMultistepScheduler(sigma_data=0.5, prediction_type="epsilon"),
    "cosxl": diffusers.EDMEulerScheduler(sigma_data=1.0, sigma_max=120.0, prediction_type="v_prediction"),
    "euler": diffusers.EulerDiscreteScheduler(
        timestep_type="continuous",
        prediction_type="v_prediction",
        sigma_min=0.002,
        sigma_max=120.0,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
    ),
}


@pytest.fixture(scope="module")
def xl(tmp_path_factory):
    return save_family("stable_diffusion_xl", tmp_path_factory.mktemp("edm") / "xl")


def with_scheduler(folder, place, scheduler):
    pipeline = diffusers.StableDiffusionXLPipeline.from_pretrained(folder, scheduler=scheduler)
    pipeline.save_pretrained(place)
    return place


def load(source):
    return load_score_model(ModelSpec(str(source), device="cpu"))


@pytest.mark.parametrize("kind", ["playground", "cosxl"])
def test_the_denoiser_is_the_clean_sample_of_the_pipelines_own_step(xl, tmp_path, kind):
    folder = with_scheduler(xl, tmp_path / kind, SCHEDULERS[kind])
    model = load(folder)
    steps = own_steps(folder, "StableDiffusionXLPipeline", model, guidance_scale=3.0, negative_prompt=NEGATIVE)
    positive, negative = model.encode([PROMPT, NEGATIVE]).split(1)
    compare(model, steps, Condition(positive, negative, 3.0))


def test_v_with_continuous_timesteps_is_that_of_edm_with_data_of_deviation_1(xl, tmp_path):
    one, other = (load(with_scheduler(xl, tmp_path / kind, SCHEDULERS[kind])) for kind in ("cosxl", "euler"))
    torch.testing.assert_close(one.sigmas, other.sigmas)
    z = torch.randn(1, 4, 8, 8)
    for timestep in (50, 500, 950):
        first, second = (m.denoise(z, timestep, Condition(m.encode([PROMPT]))) for m in (one, other))
        torch.testing.assert_close(first, second)


@pytest.fixture
def file(xl, tmp_path):
    """A checkpoint in one file, with the configuration of one that predicts noise beside it."""
    folder = with_scheduler(xl, tmp_path / "tiny", diffusers.DDIMScheduler.from_pretrained(xl / "scheduler"))
    single = folder.with_suffix(".safetensors")
    save_original_format(diffusers.StableDiffusionXLPipeline.from_pretrained(folder, add_watermarker=False), single)
    return single


def add(file, **tensors):
    save_file(load_file(file) | {name: torch.tensor(numbers) for name, numbers in tensors.items()}, file)


def test_a_single_file_of_cosxl_is_what_its_folder_is(xl, file, tmp_path):
    add(file, **{"edm_vpred.sigma_max": 120.0, "edm_vpred.sigma_min": 0.002})
    one, other = load(file), load(with_scheduler(xl, tmp_path / "cosxl", SCHEDULERS["cosxl"]))
    torch.testing.assert_close(one.sigmas, other.sigmas)
    z = torch.randn(1, 4, 8, 8)
    first, second = (m.denoise(z, 400, Condition(m.encode([PROMPT]))) for m in (one, other))
    torch.testing.assert_close(first, second)


def test_a_single_file_of_playground_is_what_its_folder_is(xl, file, tmp_path):
    mean, std = [-1.6, 1.9, -1.4, 2.5], [8.5, 5.9, 6.5, 5.2]
    add(file, edm_mean=mean, edm_std=std)
    folder = with_scheduler(xl, tmp_path / "playground", SCHEDULERS["playground"])
    config = folder / "vae" / "config.json"
    told = {"latents_mean": mean, "latents_std": std, "scaling_factor": 0.5}
    config.write_text(json.dumps({**json.loads(config.read_text()), **told}))
    one, other = load(file), load(folder)
    z = torch.randn(1, 4, 8, 8)
    first, second = (m.denoise(z, 400, Condition(m.encode([PROMPT]))) for m in (one, other))
    torch.testing.assert_close(first, second)
    torch.testing.assert_close(one.decode(first), other.decode(second))


def test_a_single_file_whose_mean_is_of_another_size_is_refused_by_name(file):
    add(file, edm_mean=[1.0, 2.0], edm_std=[1.0, 1.0, 1.0, 1.0])
    with pytest.raises(SjcError, match="'edm_mean' with 2 numbers; expected are 4") as caught:
        load(file)
    assert caught.value.code == "unsupported_file"
