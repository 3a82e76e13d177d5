"""Ideal networks of every kind of prediction, each with its own clock and scale, to be asked as if they were another.

A network is that of Gaussian samples of some spectrum, for which the best answer is known in closed form.
"""

import copy
import math

import torch

from sjc_blender.engine.score_models.noise_levels import (
    Clock,
    exponential_table,
    flow_table,
    nearest_timestep,
    sigma_table,
)
from sjc_blender.engine.score_models.preconditioning import EDM, FLOW, VARIANCE_PRESERVING, preconditioning

STEPS = 1000
KINDS = (*VARIANCE_PRESERVING, *EDM.values(), FLOW)
SCHEDULES = {
    "Stable Diffusion's": {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
    "linear": {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02},
    "cosine": {"beta_schedule": "squaredcos_cap_v2"},
    "zero-SNR": {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012,
                 "rescale_betas_zero_snr": True},
}  # fmt: skip
SIGMA_DATA = {"edm_epsilon": 0.5, "edm_v_prediction": 1.0}
"""Deviations by which the networks in use are preconditioned: Playground 2.5, CosXL."""


def table_of(kind, schedule="Stable Diffusion's"):
    """Noise levels and clock of networks of a kind."""
    config = SCHEDULES[schedule] | {"num_train_timesteps": STEPS}
    if kind == FLOW:
        return flow_table(config), Clock("flow", flow_table(config), STEPS)
    if kind in EDM.values():
        return exponential_table({}), Clock("edm", exponential_table({}))
    return sigma_table(config), Clock("index", sigma_table(config))


class IdealNetwork:
    """A network that predicts `true`, and is said to predict `told`; see `PipelineModel`.

    Its samples have a deviation of 0.5 and a power that falls with the squared frequency to the power `falling`.
    """

    pixel_space, channels, device, of_one_kind = True, 3, torch.device("cpu"), False

    def __init__(self, true, told, schedule="Stable Diffusion's", falling=1.0, size=32):
        self.true, self.prediction_type, self.sample_size = true, told, size
        self.sigmas, self.clock = table_of(told, schedule)
        self.sigma_data = SIGMA_DATA.get(told, 1.0)
        self._own, self._clock = table_of(true, schedule)
        self._factors = {"sigma_data": SIGMA_DATA.get(true, 1.0)}
        axis = torch.fft.fftfreq(self.sample_size)
        power = (0.003 + axis[:, None] ** 2 + axis[None] ** 2) ** -falling
        self.power = power / power.mean() * 0.25

    def _predict(self, network_input, timestep, embeddings):
        # The last timestep of a zero ratio is in no table.
        by_level = self.clock.kind != "index"
        return self.answer(network_input, self.clock(float(self.sigmas[timestep])) if by_level else timestep)

    def answer(self, network_input, time):
        """What it answers when the clock shows `time`."""
        sigma = self._sigma_at(time)
        factors = preconditioning(self.true, sigma, **self._factors)
        z = network_input / factors.c_in
        return (self.denoised(z, sigma) - factors.c_skip * z) / factors.c_out

    def denoised(self, z, sigma):
        """The mean of the samples that may be under noise of deviation `sigma`."""
        return torch.fft.ifft2(torch.fft.fft2(z) * (self.power / (self.power + sigma**2))).real

    def read_as(self, levels):
        """See `PipelineModel.read_as`."""
        other = copy.copy(self)
        other.sigmas, other.clock = levels.sigmas, levels.clock
        other.prediction_type, other.sigma_data = levels.prediction_type, levels.sigma_data
        return other

    def _sigma_at(self, time):
        """The noise level that the network takes a clock's time for."""
        if self._clock.kind == "index":
            return float(self._own[min(max(round(time), 0), len(self._own) - 1)])
        if self._clock.kind == "flow":
            share = min(max(time / STEPS, 1 / STEPS), 1 - 1 / STEPS)
            return share / (1 - share)
        return math.exp(min(max(4 * time, math.log(float(self._own[0]))), math.log(float(self._own[-1]))))


class FinishingNetwork(IdealNetwork):
    """One that was distilled to finish a picture in one step: to follow the flow of probability to its end."""

    def denoised(self, z, sigma):
        """That of the samples which the noise leads to."""
        return torch.fft.ifft2(torch.fft.fft2(z) * (self.power / (self.power + sigma**2)).sqrt()).real


class RelabelledPrior(IdealNetwork):
    """A trained prior of v as if it had been trained to predict `true`, with a schedule, and is told otherwise.

    What it answers at a noise level beyond its own is what it answers at its highest.
    """

    pixel_space = False

    def __init__(self, prior, true, told, schedule="Stable Diffusion's", told_schedule=None):
        super().__init__(true, told, schedule, size=prior.sample_size)
        self.sigmas, self.clock = table_of(told, told_schedule or schedule)
        self.prior, self.channels = prior, prior.channels
        self.embedding = prior.encode([""])

    def denoised(self, z, sigma):
        """What the prior makes of it."""
        timestep = nearest_timestep(self.prior.sigmas, sigma)
        own, factors = float(self.prior.sigmas[timestep]), self.prior.factors(timestep)
        z = z * min(1.0, own / sigma)
        return factors.c_skip * z + factors.c_out * self.prior._predict(factors.c_in * z, timestep, self.embedding)
