"""The 2D samplers, against distributions that are known in closed form."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from sjc_blender.engine.commands import cli
from sjc_blender.engine.sampling2d.karras import Churn, karras_timesteps, sample_karras
from sjc_blender.engine.sampling2d.langevin import sample_langevin
from sjc_blender.engine.sampling2d.paas import sample_paas, sigma_schedule
from sjc_blender.engine.score_models import conditioning
from sjc_blender.engine.score_models.closed_form import STABLE_DIFFUSION_SCHEDULE
from sjc_blender.engine.score_models.noise_levels import sigma_table
from sjc_blender.engine.score_models.score_model import Condition
from sjc_blender.protocol import presets

MEAN, STD = 0.7, 0.5


class GaussianDenoiser:
    """The exact denoiser of N(MEAN, STD^2) in every pixel."""

    def __init__(self):
        self.sigmas = sigma_table(STABLE_DIFFUSION_SCHEDULE)
        self.calls = 0

    def denoise(self, z, timestep, condition):
        self.calls += 1
        variance = float(self.sigmas[timestep]) ** 2
        return (STD**2 * z + variance * MEAN) / (STD**2 + variance)


class TwoPictures:
    """The exact denoiser of two pictures of equal probability: all -1 or all +1."""

    def __init__(self):
        self.sigmas = sigma_table(STABLE_DIFFUSION_SCHEDULE)

    def denoise(self, z, timestep, condition):
        variance = float(self.sigmas[timestep]) ** 2
        return torch.tanh(z.sum(dim=(1, 2, 3), keepdim=True) / variance).expand_as(z)


def drawn(sampler, model, *arguments, count=64, side=16, **options):
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(count, 1, side, side, generator=generator)
    return sampler(model, Condition(), noise, *arguments, generator, **options)


@pytest.mark.parametrize("churn", [0.0, 80.0])
def test_karras_draws_from_a_gaussian(churn):
    samples = drawn(sample_karras, GaussianDenoiser(), 40, churn=Churn(churn))
    # 16,384 independent values: the mean's own deviation is .004, the deviation's .003. A run begins at noise of mean
    # 0 where the data's mean should be in it, of which MEAN STD / sigma_max = .024 is left without churn.
    assert samples.mean().item() == pytest.approx(MEAN, abs=0.04)
    assert samples.std().item() == pytest.approx(STD, rel=0.04)


def test_karras_without_churn_follows_the_flow_with_second_order():
    # The probability flow of Gaussian data: z(sigma) = mean + (z(s0) - mean) sqrt((std^2 + sigma^2) / (std^2 + s0^2)).
    model = GaussianDenoiser()
    noise = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(2))
    top = float(model.sigmas[-1])
    exact = MEAN + (noise * top - MEAN) * math.sqrt(STD**2 / (STD**2 + top**2))
    errors = []
    for steps in (10, 20, 40):
        samples = sample_karras(model, Condition(), noise, steps, torch.Generator(), Churn(0.0))
        errors.append(float((samples - exact).abs().mean()))
    assert errors[1] < errors[0] / 3 and errors[2] < errors[1] / 2  # the last step, to 0, is of first order


def test_the_karras_schedule_is_that_of_the_paper_snapped_to_the_table():
    sigmas = sigma_table(STABLE_DIFFUSION_SCHEDULE)
    timesteps = karras_timesteps(sigmas, 12)
    assert (timesteps[0], timesteps[-1]) == (999, 0)
    assert timesteps == sorted(timesteps, reverse=True)
    high, low = float(sigmas[-1]) ** (1 / 7), float(sigmas[0]) ** (1 / 7)
    expected = (high + 4 / 11 * (low - high)) ** 7
    gap = float(sigmas[timesteps[4] + 1] - sigmas[timesteps[4] - 1])
    assert abs(float(sigmas[timesteps[4]]) - expected) < gap


def test_heun_asks_the_network_twice_a_step_and_once_in_the_last():
    model = GaussianDenoiser()
    drawn(sample_karras, model, 10, count=1)
    assert model.calls == 2 * 10 - 1


def test_langevin_draws_from_a_gaussian():
    samples = drawn(sample_langevin, GaussianDenoiser(), 1000)
    assert samples.mean().item() == pytest.approx(MEAN, abs=0.03)
    # Its steps are finite: at each level it widens the distribution a little.
    assert samples.std().item() == pytest.approx(STD, rel=0.08)


@pytest.mark.parametrize("sampler,steps", [(sample_karras, 30), (sample_langevin, 300)])
def test_samples_are_pictures_of_the_set_and_both_of_them(sampler, steps):
    samples = drawn(sampler, TwoPictures(), steps, count=32, side=4)
    assert torch.allclose(samples.abs(), torch.ones_like(samples), atol=0.15)
    assert 4 <= int((samples.mean(dim=(1, 2, 3)) > 0).sum()) <= 28


def test_annealed_paas_finds_a_picture_of_the_set():
    samples = drawn(sample_paas, TwoPictures(), 400, count=8, side=8)
    assert torch.allclose(samples.abs(), torch.ones_like(samples), atol=0.15)


def test_paas_at_one_level_ends_where_its_score_is_zero():
    # For Gaussian data PAAS is (mean - x) / (std^2 + sigma^2) whatever sigma: it ends at the mean.
    samples = drawn(sample_paas, GaussianDenoiser(), 400, fixed_sigma=1.0, noises=8)
    assert samples.mean().item() == pytest.approx(MEAN, abs=0.01)
    assert samples.std().item() < 0.1


def test_a_schedule_of_one_level_is_that_level_snapped():
    sigmas = sigma_table(STABLE_DIFFUSION_SCHEDULE)
    assert set(sigma_schedule(sigmas, 5, float(sigmas[321]))) == {321}
    annealed = sigma_schedule(sigmas, 5, None)
    assert annealed[0] == 999 and annealed[-1] == 0


def test_the_command_draws_what_the_prompt_says(tmp_path):
    out = tmp_path / "drawn here" / "ducks.png"
    out.parent.mkdir()
    options = ["--steps", "10", "--count", "2", "--out", str(out)]
    assert cli.main(["sample2d", "--prompt", "a red duck", *options]) == 0
    red = np.asarray(Image.open(out), dtype=float)
    assert red.shape[1] == 2 * red.shape[0]
    assert cli.main(["sample2d", "--prompt", "a blue duck", *options]) == 0
    blue = np.asarray(Image.open(out), dtype=float)
    assert (red[..., 0] - red[..., 2]).mean() > (blue[..., 0] - blue[..., 2]).mean() + 5


def test_guidance_is_plain_whatever_the_presets_do_to_it(tiny_pipeline, tmp_path, monkeypatch):
    told, made = [], conditioning.conditioner_for
    monkeypatch.setattr(conditioning, "conditioner_for", lambda spec, *others: told.append(spec) or made(spec, *others))
    model = str(tiny_pipeline())
    options = ["--model", model, "--steps", "2", "--guidance", "7.5", "--out", str(tmp_path / "a.png")]
    assert cli.main(["sample2d", "--prompt", "a red duck", *options]) == 0
    [spec] = told
    assert (spec.optimisation.guidance_scale, spec.optimisation.guidance_rescale) == (7.5, 0)
    assert presets.new_job("a red duck", model=model).optimisation.guidance_rescale > 0


def test_bad_options_are_told_all_at_once(tmp_path, capsys):
    options = ["--count", "0", "--steps", "1", "--churn", "-2", "--out", str(tmp_path / "a.jpg")]
    assert cli.main(["sample2d", "--prompt", "a red duck", *options]) == 1
    told = capsys.readouterr().err
    assert all(word in told for word in ("--count", "--steps", "--churn", ".png"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("sigma", ["1e9", "0.001", "-2"])
def test_a_level_outside_the_models_table_is_told_with_the_table(tmp_path, capsys, sigma):
    options = ["--sampler", "paas", "--sigma", sigma, "--out", str(tmp_path / "a.png")]
    assert cli.main(["sample2d", "--prompt", "a red duck", *options]) == 1
    assert "from 0.0292 to 14.6" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["--sigma", "--azimuth", "--churn", "--guidance"])
@pytest.mark.parametrize("value", ["nan", "inf", "much"])
def test_only_finite_numbers_are_numbers(tmp_path, capsys, option, value):
    with pytest.raises(SystemExit):
        cli.main(["sample2d", "--prompt", "a red duck", option, value, "--out", str(tmp_path / "a.png")])
    assert f"{option}: {value!r} is no finite number" in capsys.readouterr().err


def test_a_prompt_that_the_model_does_not_know_is_refused(tmp_path, capsys):
    assert cli.main(["sample2d", "--prompt", "a dragon", "--out", str(tmp_path / "a.png")]) == 1
    assert "dragon" in capsys.readouterr().err
