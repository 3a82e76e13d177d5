# SPDX-License-Identifier: GPL-3.0-or-later
"""Noise levels as variance-exploding sigmas, in float64.

A variance-preserving network knows x_t = sqrt(abar) x + sqrt(1 - abar) n. Divided by sqrt(abar) that is
x + sigma n with sigma = sqrt((1 - abar) / abar), the convention of the whole engine
(https://arxiv.org/abs/2212.00774, section 3). Schedulers keep abar in float32; it is computed anew here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from ...protocol.errors import SjcError

SCHEDULES = ("linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid")


def sigma_table(config: Mapping[str, Any]) -> torch.Tensor:
    """All finite noise levels of a diffusers scheduler.

    A schedule of zero terminal signal-to-noise ratio (``rescale_betas_zero_snr``) ends with sigma = infinity,
    where a denoiser in this convention has no input; the table stops before it, so that its last index is the
    last timestep that can be used.

    Parameters
    ----------
    config : mapping
        The scheduler's config: ``beta_schedule``, ``beta_start``, ``beta_end``, ``num_train_timesteps`` or
        ``trained_betas``, and ``rescale_betas_zero_snr``.

    Returns
    -------
    Tensor [T], float64
        In rising order; the index is the timestep.

    Raises
    ------
    SjcError
        ``unsupported_noise_schedule``.
    """
    if config.get("timestep_type") == "continuous":
        raise SjcError(
            "unsupported_noise_schedule",
            'The model\'s scheduler has the timestep_type "continuous": its network was trained on the '
            "noise levels of EDM, which are not supported.",
            "Choose the model that it was made from, or another with a table of noise levels, such as Stable Diffusion "
            "XL 1.0; a scheduler of another kind would be wrong for it.",
        )
    alphas_bar = torch.cumprod(1.0 - _betas(config), dim=0)
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
