# SPDX-License-Identifier: GPL-3.0-or-later
"""Noise levels as variance-exploding sigmas, in float64.

A variance-preserving network knows x_t = sqrt(abar) x + sqrt(1 - abar) n. Divided by sqrt(abar) that is
x + sigma n with sigma = sqrt((1 - abar) / abar), the convention of the whole engine
(https://arxiv.org/abs/2212.00774, section 3). Schedulers keep abar in float32; it is computed anew here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch

from ...protocol.errors import SjcError
from .preconditioning import EDM, FLOW, VARIANCE_PRESERVING

EDM_LEVELS = 1000
"""Noise levels in a table of a network preconditioned as in EDM, which knows all between its ends."""

SCHEDULES = ("linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid")


@dataclass(frozen=True)
class Clock:
    """What a network is told of the noise level.

    Attributes
    ----------
    kind : str
        ``"index"``: that of the nearest level in the table; ``"flow"``: t times the number of its steps; ``"edm"``: a
        quarter of the logarithm.
    sigmas : Tensor [T], float64
        The table.
    count : int
        Of a flow: the number of its steps.
    """

    kind: Literal["index", "flow", "edm"]
    sigmas: torch.Tensor
    count: int = 1

    def __call__(self, sigma: float) -> float:
        """The clock at a noise level."""
        if self.kind == "index":
            return nearest_timestep(self.sigmas, sigma)
        return 0.25 * math.log(sigma) if self.kind == "edm" else self.count * sigma / (1.0 + sigma)

    @property
    def fractions(self) -> bool:
        """Whether it shows other numbers than whole ones."""
        return self.kind != "index"


@dataclass(frozen=True)
class NoiseLevels:
    """What a scheduler tells of its network.

    Attributes
    ----------
    prediction_type : str
        See `sjc_blender.engine.score_models.preconditioning.preconditioning`.
    sigmas : Tensor [T], float64
        In rising order.
    clock : Clock
    sigma_data : float
        Deviation of the data by which networks of EDM are preconditioned.
    """

    prediction_type: str
    sigmas: torch.Tensor
    clock: Clock
    sigma_data: float = 1.0


def levels_of_scheduler(scheduler: Any) -> NoiseLevels:
    """Read a scheduler of diffusers.

    Raises
    ------
    SjcError
        ``unsupported_noise_schedule``; ``unsupported_pipeline`` for an unknown prediction.
    """
    config, name = scheduler.config, type(scheduler).__name__
    predicted = config.get("prediction_type")
    if name.startswith("FlowMatch") or (config.get("use_flow_sigmas") and predicted == "flow_prediction"):
        table = flow_table(config)
        return NoiseLevels(FLOW, table, Clock("flow", table, int(config["num_train_timesteps"])))
    continuous = config.get("timestep_type") == "continuous"
    if continuous and predicted != "v_prediction":
        raise SjcError(
            "unsupported_noise_schedule",
            f"The model's scheduler has continuous timesteps and the prediction type {predicted!r}: of networks with "
            "the clock of EDM the engine knows those of EDM's own schedulers, and v.",
            "Name the model's own scheduler in model_index.json, such as EDMEulerScheduler.",
        )
    if name.startswith("EDM") or continuous:
        table = exponential_table(config)
        kind = EDM.get(str(predicted))
        if kind is None:
            raise unknown_prediction(predicted)
        return NoiseLevels(kind, table, Clock("edm", table), float(config.get("sigma_data") or 1.0))
    if predicted not in VARIANCE_PRESERVING:
        raise unknown_prediction(predicted)
    table = sigma_table(config)
    return NoiseLevels(str(predicted), table, Clock("index", table))


def unknown_prediction(prediction_type: Any) -> SjcError:
    """The refusal of a network that predicts something unknown."""
    return SjcError(
        "unsupported_pipeline",
        f"The model's scheduler has the prediction type {prediction_type!r}; supported are "
        + ", ".join(VARIANCE_PRESERVING)
        + ".",
        "Correct prediction_type in scheduler/scheduler_config.json, or choose another model.",
    )


def exponential_table(config: Mapping[str, Any]) -> torch.Tensor:
    """Noise levels of a network preconditioned as in EDM, evenly spaced in their logarithm.

    Parameters
    ----------
    config : mapping
        The scheduler's config: ``sigma_min``, ``sigma_max``; without, those of the schedulers of EDM.

    Returns
    -------
    Tensor [1000], float64
        In rising order.
    """
    low, high = (float(config.get(name) or usual) for name, usual in (("sigma_min", 0.002), ("sigma_max", 80.0)))
    return torch.linspace(math.log(low), math.log(high), EDM_LEVELS, dtype=torch.float64).exp()


def sigma_table(config: Mapping[str, Any]) -> torch.Tensor:
    """All finite noise levels of a diffusers scheduler.

    A schedule of zero terminal signal-to-noise ratio (``rescale_betas_zero_snr``) ends with sigma = infinity,
    where a denoiser in this convention has no input; the table stops before it, so that its last index is the
    last timestep that can be used.

    Parameters
    ----------
    config : mapping
        The scheduler's config: ``beta_schedule``, ``beta_start``, ``beta_end``, ``num_train_timesteps`` or
        ``trained_betas``, ``snr_shift_scale`` (of CogView's schedulers) and ``rescale_betas_zero_snr``.

    Returns
    -------
    Tensor [T], float64
        In rising order; the index is the timestep.

    Raises
    ------
    SjcError
        ``unsupported_noise_schedule``.
    """
    alphas_bar = torch.cumprod(1.0 - _betas(config), dim=0)
    shift = float(config.get("snr_shift_scale") or 1.0)  # it divides the signal-to-noise ratio
    alphas_bar = alphas_bar / (shift + (1.0 - shift) * alphas_bar)
    if config.get("rescale_betas_zero_snr", False):
        alphas_bar = _zero_terminal_snr(alphas_bar)
    sigmas = ((1.0 - alphas_bar) / alphas_bar).sqrt()
    return sigmas[torch.isfinite(sigmas)]


def flow_table(config: Mapping[str, Any]) -> torch.Tensor:
    """Noise levels of a rectified flow, x_t = (1 - t) x + t n: sigma = t / (1 - t) at t = 1/T .. 1 - 1/T.

    A scheduler's ``shift`` moves the t at which a sampler stops, not what the network means by t; it plays no part.

    Parameters
    ----------
    config : mapping
        The scheduler's config: ``num_train_timesteps``, T.

    Returns
    -------
    Tensor [T - 1], float64
        In rising order; the index i is t = (i + 1) / T. At t = 1 sigma is infinite.
    """
    count = int(config["num_train_timesteps"])
    t = torch.arange(1, count, dtype=torch.float64)
    return t / (count - t)


def geometric_table(config: Mapping[str, Any]) -> torch.Tensor:
    """Noise levels of a score network of the variance-exploding kind: https://arxiv.org/abs/2011.13456, Appendix C.

    Parameters
    ----------
    config : mapping
        The scheduler's config: ``sigma_min``, ``sigma_max``, ``num_train_timesteps``.

    Returns
    -------
    Tensor [T], float64
        In rising order, in units of the network's own data.
    """
    low, high = math.log(float(config["sigma_min"])), math.log(float(config["sigma_max"]))
    return torch.linspace(low, high, int(config["num_train_timesteps"]), dtype=torch.float64).exp()


def nearest_timestep(sigmas: torch.Tensor, sigma: float) -> int:
    """Snap a noise level to the table.

    Parameters
    ----------
    sigmas : Tensor [T]
        A table from `sigma_table`.
    sigma : float
        Any level, infinity included; beyond the table's ends the end is the nearest.

    Returns
    -------
    int
        Index of the entry with the least |entry - sigma|, the lower one on a tie.
    """
    above = int(torch.searchsorted(sigmas, torch.tensor(sigma, dtype=sigmas.dtype)))
    if above == 0:
        return 0
    if above == len(sigmas):
        return len(sigmas) - 1
    below = above - 1
    return below if sigma - float(sigmas[below]) <= float(sigmas[above]) - sigma else above


def _betas(config: Mapping[str, Any]) -> torch.Tensor:
    trained = config.get("trained_betas")
    if trained is not None:
        return torch.as_tensor(trained, dtype=torch.float64)
    schedule = config.get("beta_schedule")
    if schedule not in SCHEDULES:
        raise SjcError(
            "unsupported_noise_schedule",
            f"The model's scheduler ({config.get('_class_name', 'of an unknown class')}) has the noise schedule "
            f"{schedule!r}; supported are {', '.join(SCHEDULES)} and trained betas.",
            "If the model was trained as usual, write its schedule into scheduler/scheduler_config.json; else choose a "
            "model that was trained with one of these.",
        )
    count = int(config["num_train_timesteps"])
    if schedule == "squaredcos_cap_v2":
        return _cosine_betas(count)
    start, end = float(config["beta_start"]), float(config["beta_end"])
    if schedule == "linear":
        return torch.linspace(start, end, count, dtype=torch.float64)
    if schedule == "sigmoid":
        return torch.linspace(-6.0, 6.0, count, dtype=torch.float64).sigmoid() * (end - start) + start
    return torch.linspace(math.sqrt(start), math.sqrt(end), count, dtype=torch.float64).square()


def _cosine_betas(count: int, offset: float = 0.008, largest: float = 0.999) -> torch.Tensor:
    """Betas of abar(t) = cos^2((t + s) / (1 + s) pi / 2), capped: https://arxiv.org/abs/2102.09672, Eq. 17."""
    t = torch.arange(count + 1, dtype=torch.float64) / count
    alphas_bar = torch.cos((t + offset) / (1.0 + offset) * (math.pi / 2.0)).square()
    return (1.0 - alphas_bar[1:] / alphas_bar[:-1]).clamp(max=largest)


def _zero_terminal_snr(alphas_bar: torch.Tensor) -> torch.Tensor:
    """Shift and scale sqrt(abar) so that it ends at 0: https://arxiv.org/abs/2305.08891, Algorithm 1."""
    root = alphas_bar.sqrt()
    shifted = root - root[-1]
    return (shifted * (root[0] / shifted[0])).square()
