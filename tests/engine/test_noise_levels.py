"""Sigma tables against published values, 50-digit arithmetic and diffusers' own schedulers."""

import math

import mpmath
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, EDMEulerScheduler, EulerDiscreteScheduler

from sjc_blender.engine.score_models.noise_levels import levels_of_scheduler, nearest_timestep, sigma_table
from sjc_blender.protocol.errors import SjcError

STABLE_DIFFUSION = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "num_train_timesteps": 1000,
}
DDPM = {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02, "num_train_timesteps": 1000}
COSINE = {"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 100}


@pytest.mark.parametrize(
    ("config", "timestep", "sigma", "digits"),
    [
        (STABLE_DIFFUSION, 0, 0.02917, 5),
        (STABLE_DIFFUSION, 10, 0.098291, 6),
        (STABLE_DIFFUSION, 969, 12.228761, 6),
        (STABLE_DIFFUSION, 999, 14.6146, 4),
        (DDPM, 0, 0.0100, 4),
        (DDPM, 10, 0.0469, 4),
        (DDPM, 969, 116.77, 2),
        (DDPM, 999, 157.41, 2),
    ],
)
def test_published_noise_levels(config, timestep, sigma, digits):
    assert round(float(sigma_table(config)[timestep]), digits) == sigma


def betas_in_high_precision(config):
    count = config.get("num_train_timesteps", 0)
    if "trained_betas" in config:
        return [mpmath.mpf(beta) for beta in config["trained_betas"]]
    if config["beta_schedule"] == "squaredcos_cap_v2":

        def alpha_bar(t):
            return mpmath.cos((t + mpmath.mpf("0.008")) / mpmath.mpf("1.008") * mpmath.pi / 2) ** 2

        ratios = [alpha_bar(mpmath.mpf(i + 1) / count) / alpha_bar(mpmath.mpf(i) / count) for i in range(count)]
        return [min(1 - ratio, mpmath.mpf("0.999")) for ratio in ratios]
    power = 2 if config["beta_schedule"] == "scaled_linear" else 1
    first, last = (mpmath.mpf(repr(config[name])) ** (mpmath.mpf(1) / power) for name in ("beta_start", "beta_end"))
    return [(first + (last - first) * i / (count - 1)) ** power for i in range(count)]


@pytest.mark.parametrize(
    "config",
    [STABLE_DIFFUSION, DDPM, COSINE, {"trained_betas": [0.001, 0.25, 0.5]}],
    ids=["scaled_linear", "linear", "cosine", "trained"],
)
def test_table_agrees_with_50_digit_arithmetic(config):
    with mpmath.workdps(50):
        alpha_bar, expected = mpmath.mpf(1), []
        for beta in betas_in_high_precision(config):
            alpha_bar *= 1 - beta
            expected.append(float(mpmath.sqrt((1 - alpha_bar) / alpha_bar)))
    sigmas = sigma_table(config)
    assert sigmas.dtype == torch.float64
    torch.testing.assert_close(sigmas, torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=0)


@pytest.mark.parametrize("schedule", ["linear", "scaled_linear", "squaredcos_cap_v2"])
@pytest.mark.parametrize("rescaled", [False, True])
def test_table_agrees_with_the_scheduler_whose_config_it_reads(schedule, rescaled):
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule=schedule, rescale_betas_zero_snr=rescaled
    )
    sigmas = sigma_table(scheduler.config)
    alphas_bar = 1 / (1 + sigmas.square())
    torch.testing.assert_close(alphas_bar, scheduler.alphas_cumprod[: len(sigmas)].double(), rtol=2e-3, atol=1e-6)


def test_zero_terminal_snr_leaves_out_the_infinite_level_and_snaps_to_the_last_finite_one():
    sigmas = sigma_table({**STABLE_DIFFUSION, "rescale_betas_zero_snr": True})
    assert len(sigmas) == 999
    assert torch.isfinite(sigmas).all()
    assert (sigmas.diff() > 0).all()
    assert float(sigmas[-1]) > 100
    assert nearest_timestep(sigmas, math.inf) == 998


def test_nearest_level():
    sigmas = torch.tensor([0.1, 0.3, 1.0, 4.0], dtype=torch.float64)
    assert [nearest_timestep(sigmas, s) for s in (0.1, 0.3, 1.0, 4.0)] == [0, 1, 2, 3]
    between = [nearest_timestep(sigmas, s) for s in (0.0, 0.19, 0.21, 0.64, 0.66, 2.49, 2.51, 90.0)]
    assert between == [0, 0, 1, 1, 2, 2, 3, 3]


def test_unsupported_schedule_is_named_with_its_scheduler_and_what_is_supported():
    with pytest.raises(SjcError, match=r"FlowMatchEulerDiscreteScheduler.*None.*scaled_linear") as error:
        sigma_table({"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000})
    assert error.value.code == "unsupported_noise_schedule"


def test_a_sigmoid_schedule_is_the_schedulers():
    config = {"beta_schedule": "sigmoid", "beta_start": 1e-4, "beta_end": 0.02, "num_train_timesteps": 1000}
    alphas_bar = DDPMScheduler(**config).alphas_cumprod.double()
    torch.testing.assert_close(sigma_table(config), ((1 - alphas_bar) / alphas_bar).sqrt(), rtol=1e-3, atol=0)


def test_the_clock_of_edm_with_another_prediction_than_v_is_refused_by_name():
    with pytest.raises(SjcError, match="EDM") as error:
        levels_of_scheduler(EulerDiscreteScheduler(beta_schedule="scaled_linear", timestep_type="continuous"))
    assert error.value.code == "unsupported_noise_schedule"


def test_noise_levels_of_edm_are_even_in_their_logarithm_between_the_schedulers_ends():
    levels = levels_of_scheduler(EDMEulerScheduler(sigma_min=0.01, sigma_max=50.0, sigma_data=0.7))
    assert levels.sigma_data == 0.7
    assert (float(levels.sigmas[0]), float(levels.sigmas[-1])) == pytest.approx((0.01, 50.0))
    steps = levels.sigmas.log().diff()
    assert float(steps.max() - steps.min()) < 1e-9
    assert levels.clock(float(levels.sigmas[300])) == pytest.approx(0.25 * math.log(float(levels.sigmas[300])))
