"""What a network's answers to noise tell: distilled or not, and whether its last noise level is noise alone."""

import json
import math
import shutil

import pytest
import torch

from sjc_blender.engine.score_models.behaviour import finishes_pictures, other_terminal_snr, warnings_of
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.score_models.noise_levels import flow_table, nearest_timestep, sigma_table
from sjc_blender.engine.score_models.preconditioning import preconditioning
from sjc_blender.engine.score_models.prediction_check import Trial
from sjc_blender.engine.score_models.remarks import remarks_on
from sjc_blender.protocol.model_families import BUILTIN
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.presets import new_job
from sjc_blender.protocol.spec import ModelSpec
from sjc_blender.protocol.untuned import UNTUNED

STABLE_DIFFUSION = {
    "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000
}  # fmt: skip
ZERO = {**STABLE_DIFFUSION, "rescale_betas_zero_snr": True}
SPECTRA = {"latents": 0.5, "pictures": 1.0}
"""Power falls with this power of the squared frequency."""


class Ideal:
    """The ideal network of Gaussian samples with a given spectrum, or an ideal distillation of it."""

    channels, sample_size, device, pixel_space, sigma_data = 4, 32, torch.device("cpu"), False, 1.0

    def __init__(self, kind, falling, *, distilled=False, schedule=STABLE_DIFFUSION, told=None):
        self.prediction_type, self.distilled = kind, distilled
        self.sigmas = flow_table(schedule) if kind == "flow" else sigma_table(told or schedule)
        self.true = flow_table(schedule) if kind == "flow" else _alphas(schedule)
        axis = torch.fft.fftfreq(self.sample_size)
        power = (0.003 + axis[:, None] ** 2 + axis[None] ** 2) ** -falling
        self.power = power / power.mean()

    def _predict(self, network_input, timestep, embeddings):
        if self.prediction_type == "flow":
            sigma = float(self.true[timestep])
            factors = preconditioning("flow", sigma)
            z = network_input / factors.c_in
            return (self._denoised(z, sigma) - factors.c_skip * z) / factors.c_out
        alpha = float(self.true[timestep])
        s = math.sqrt(1 - alpha**2)
        gain = self.power.sqrt() if self.distilled else alpha * self.power / (alpha**2 * self.power + s**2)
        clean = torch.fft.ifft2(torch.fft.fft2(network_input) * gain).real
        noise = (network_input - alpha * clean) / s
        return {"epsilon": noise, "sample": clean, "v_prediction": alpha * noise - s * clean}[self.prediction_type]

    def _denoised(self, z, sigma):
        power = self.power
        gain = (power / (power + sigma**2)).sqrt() if self.distilled else power / (power + sigma**2)
        return torch.fft.ifft2(torch.fft.fft2(z) * gain).real


def _alphas(schedule):
    """Of all timesteps, the last of a zero ratio included."""
    sigmas = sigma_table(schedule)
    alphas = (1 + sigmas**2).rsqrt()
    return torch.cat([alphas, torch.zeros(1000 - len(alphas), dtype=alphas.dtype)])


@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample", "flow"])
def test_a_distilled_network_is_told_from_a_usual_one(kind, spectrum):
    usual = Ideal(kind, SPECTRA[spectrum])
    assert not finishes_pictures(usual, None)
    assert finishes_pictures(Ideal(kind, SPECTRA[spectrum], distilled=True), None)


@pytest.mark.parametrize("true", [STABLE_DIFFUSION, ZERO], ids=["usual", "zero"])
@pytest.mark.parametrize("told", [STABLE_DIFFUSION, ZERO], ids=["told usual", "told zero"])
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_a_zero_signal_to_noise_ratio_that_is_told_wrong_is_remarked(true, told, spectrum):
    model = Ideal("v_prediction", SPECTRA[spectrum], schedule=true, told=told)
    found = remarks_on(model, told, Trial("v_prediction"), None)
    if true is told:
        assert found == ()
        return
    right = str(true is ZERO).lower()
    assert [f'"rescale_betas_zero_snr": {right}' in remark for remark in found] == [True]


@pytest.mark.parametrize("prompt", ["", "a red duck", "a white teapot"])
def test_the_built_in_prior_is_as_it_says(prompt):
    model = load_score_model(ModelSpec("builtin", device="cpu"))
    assert model.remarks == ()
    embedding = model.encode([prompt])
    assert not finishes_pictures(model, embedding)
    alpha = 1 / math.sqrt(1 + float(model.sigmas[-1]) ** 2)
    assert not other_terminal_snr(model, embedding, told_zero=False, alpha=alpha)
    model.sigmas = sigma_table(ZERO)
    assert other_terminal_snr(model, embedding, told_zero=True, alpha=alpha)


def test_the_highest_level_that_is_tried_is_in_every_table():
    for table in (sigma_table(STABLE_DIFFUSION), sigma_table(ZERO)):
        assert float(table[nearest_timestep(table, 5.0)]) == pytest.approx(5.0, rel=0.02)


def test_settings_that_are_not_a_models_own_are_warned_of_when_a_job_begins(tmp_path):
    folder = shutil.copytree(BUILTIN, tmp_path / "prior")
    model = load_score_model(ModelSpec(str(folder), device="cpu"))
    assert warnings_of(new_job("a red duck", model=str(folder)), load_profile(str(folder)), model) == []
    profile = json.loads((folder / "sjc.json").read_text())
    (folder / "sjc.json").write_text(json.dumps(profile | {"presets": {}}))
    spec = new_job("a red duck", model=str(folder))
    assert warnings_of(spec, load_profile(str(folder)), model) == [UNTUNED]


def test_guidance_on_top_of_a_distilled_model_is_warned_of():
    model = load_score_model(ModelSpec("builtin", device="cpu"))
    profile = load_profile("builtin")
    guided, unguided = (new_job("a red duck", optimisation={"guidance_scale": scale}) for scale in (7.5, 1.0))
    assert warnings_of(guided, profile, model) == []
    model.levels = (249, 499, 749, 999)
    assert ["guidance_scale 7.5" in warning for warning in warnings_of(guided, profile, model)] == [True]
    assert warnings_of(unguided, profile, model) == []
