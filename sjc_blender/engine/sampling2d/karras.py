# SPDX-License-Identifier: GPL-3.0-or-later
"""The stochastic sampler of EDM: T. Karras et al., 2022, https://arxiv.org/abs/2206.00364, Algorithm 2."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..score_models.noise_levels import nearest_timestep
from ..score_models.score_model import Condition, ScoreModel

RHO = 7.0
"""The higher, the more of the steps are at low noise; that of the paper."""


@dataclass(frozen=True)
class Churn:
    """Noise that is added at each step; the names are those of the paper.

    Attributes
    ----------
    S_churn : float
        Amount of noise; 0 makes the sampler deterministic.
    S_tmin, S_tmax : float
        Range of noise levels in which noise is added.
    S_noise : float
        Standard deviation of that noise.
    """

    S_churn: float = 80.0
    S_tmin: float = 0.05
    S_tmax: float = 50.0
    S_noise: float = 1.003


def karras_timesteps(sigmas: Tensor, steps: int) -> list[int]:
    """Indices into a sigma table for a schedule of EDM's Eq. 5, from the highest level to the lowest.

    Levels are snapped to the table, for a network knows no others; two that snap to the same are one.

    Parameters
    ----------
    sigmas : Tensor [T], float64
    steps : int
        At least 2.
    """
    high, low = float(sigmas[-1]) ** (1 / RHO), float(sigmas[0]) ** (1 / RHO)
    levels = ((high + index / (steps - 1) * (low - high)) ** RHO for index in range(steps))
    return list(dict.fromkeys(nearest_timestep(sigmas, level) for level in levels))


def sample_karras(
    model: ScoreModel,
    condition: Condition,
    noise: Tensor,
    steps: int,
    generator: torch.Generator,
    churn: Churn | None = None,
) -> Tensor:
    """Draw samples with Heun's method of second order and churn.

    Parameters
    ----------
    noise : Tensor [B, C, H, W]
        From N(0, I).
    steps : int
        Noise levels, before those that snap to the same are joined.
    generator : torch.Generator
        On the CPU, of the churn's noise.
    churn : Churn or None
        None: the defaults of `Churn`, those of the SJC authors.

    Returns
    -------
    Tensor [B, C, H, W]
    """
    churn = churn or Churn()
    timesteps = karras_timesteps(model.sigmas, steps)
    levels = [float(model.sigmas[timestep]) for timestep in timesteps] + [0.0]
    z = noise * levels[0]
    for index, timestep in enumerate(timesteps):
        sigma, sigma_next = levels[index], levels[index + 1]
        timestep, sigma_hat = _churned(model.sigmas, timestep, churn, len(timesteps))
        z_hat = z
        if sigma_hat > sigma:
            epsilon = torch.randn(z.shape, generator=generator).to(z)
            z_hat = z + churn.S_noise * math.sqrt(sigma_hat**2 - sigma**2) * epsilon
        d = (z_hat - model.denoise(z_hat, timestep, condition)) / sigma_hat
        z = z_hat + (sigma_next - sigma_hat) * d
        if sigma_next > 0:
            d_prime = (z - model.denoise(z, timesteps[index + 1], condition)) / sigma_next
            z = z_hat + (sigma_next - sigma_hat) * (d + d_prime) / 2
    return z


def _churned(sigmas: Tensor, timestep: int, churn: Churn, steps: int) -> tuple[int, float]:
    """Return the timestep and sigma_hat, snapped to the table, to which churn raises a sample."""
    sigma = float(sigmas[timestep])
    if churn.S_tmin <= sigma <= churn.S_tmax:
        gamma = min(churn.S_churn / steps, math.sqrt(2.0) - 1.0)
        raised = nearest_timestep(sigmas, sigma * (1.0 + gamma))
        sigma_hat = float(sigmas[raised])
        if sigma_hat > sigma:
            return raised, sigma_hat
    return timestep, sigma
