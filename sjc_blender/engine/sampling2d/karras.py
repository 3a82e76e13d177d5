# SPDX-License-Identifier: GPL-3.0-or-later
"""The stochastic sampler of EDM: T. Karras et al., 2022, https://arxiv.org/abs/2206.00364, Algorithm 2."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..score_models.noise_levels import nearest_timestep
from ..score_models.score_model import Condition, ScoreModel


@dataclass(frozen=True)
class Churn:
    """Noise that is put back at each step.

    Attributes
    ----------
    amount : float
        S_churn; 0 makes the sampler deterministic.
    lowest, highest : float
        S_tmin and S_tmax: the noise levels between which it is put back.
    inflation : float
        S_noise: standard deviation of that noise.
    """

    amount: float = 80.0
    lowest: float = 0.05
    highest: float = 50.0
    inflation: float = 1.003


def karras_timesteps(sigmas: Tensor, steps: int, rho: float = 7.0) -> list[int]:
    """Indices into a sigma table for a schedule of EDM's Eq. 5, from the highest level to the lowest.

    Levels are snapped to the table, for a network knows no others; two that snap to the same are one.

    Parameters
    ----------
    sigmas : Tensor [T], float64
    steps : int
        At least 2.
    """
    high, low = float(sigmas[-1]) ** (1 / rho), float(sigmas[0]) ** (1 / rho)
    levels = ((high + index / (steps - 1) * (low - high)) ** rho for index in range(steps))
    return list(dict.fromkeys(nearest_timestep(sigmas, level) for level in levels))


def sample_karras(
    model: ScoreModel,
    condition: Condition,
    noise: Tensor,
    steps: int,
    generator: torch.Generator,
    churn: Churn | None = None,
    rho: float = 7.0,
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
    rho : float
        The higher, the more of the steps are at low noise.

    Returns
    -------
    Tensor [B, C, H, W]
    """
    churn = churn or Churn()
    timesteps = karras_timesteps(model.sigmas, steps, rho)
    levels = [float(model.sigmas[timestep]) for timestep in timesteps] + [0.0]
    z = noise * levels[0]
    for index, timestep in enumerate(timesteps):
        sigma, following = levels[index], levels[index + 1]
        raised = _raised(model.sigmas, sigma, churn, len(timesteps))
        if raised is not None:
            timestep, higher = raised
            fresh = torch.randn(z.shape, generator=generator).to(z)
            z, sigma = z + churn.inflation * math.sqrt(higher**2 - sigma**2) * fresh, higher
        slope = (z - model.denoise(z, timestep, condition)) / sigma
        ahead = z + (following - sigma) * slope
        if following > 0:
            slope_ahead = (ahead - model.denoise(ahead, timesteps[index + 1], condition)) / following
            ahead = z + (following - sigma) * (slope + slope_ahead) / 2
        z = ahead
    return z


def _raised(sigmas: Tensor, sigma: float, churn: Churn, steps: int) -> tuple[int, float] | None:
    """The higher level to which churn takes a sample, snapped; None where it stays."""
    if not churn.lowest <= sigma <= churn.highest:
        return None
    gamma = min(churn.amount / steps, math.sqrt(2.0) - 1.0)
    timestep = nearest_timestep(sigmas, sigma * (1.0 + gamma))
    higher = float(sigmas[timestep])
    return (timestep, higher) if higher > sigma else None
