# SPDX-License-Identifier: GPL-3.0-or-later
"""Annealed Langevin dynamics: Y. Song and S. Ermon, 2019, https://arxiv.org/abs/1907.05600, Algorithm 1."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..score_models.score_model import Condition, ScoreModel
from .karras import karras_timesteps

LEVELS = 20
"""Noise levels of a run; its steps are shared out among them."""

STEP_SHARE = 0.15
"""Size of a step over sigma^2: epsilon / sigma_L^2 of the paper, where alpha_i = epsilon sigma_i^2 / sigma_L^2."""


def sample_langevin(
    model: ScoreModel, condition: Condition, noise: Tensor, steps: int, generator: torch.Generator
) -> Tensor:
    """Draw samples by z <- z + alpha / 2 score(z; sigma) + sqrt(alpha) n at falling noise levels.

    The last level is left with one step to its denoised sample, without which its noise stays in the picture
    (https://arxiv.org/abs/2006.09011).

    Parameters
    ----------
    noise : Tensor [B, C, H, W]
        From N(0, I).
    steps : int
        In all; at least one at each level is done.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor [B, C, H, W]
    """
    timesteps = karras_timesteps(model.sigmas, min(LEVELS, max(2, steps)))
    repeats = max(1, round(steps / len(timesteps)))
    z = noise * float(model.sigmas[timesteps[0]])
    for timestep in timesteps:
        alpha = STEP_SHARE * float(model.sigmas[timestep]) ** 2
        for _ in range(repeats):
            # alpha times the score: sigma^2 cancels.
            drift = STEP_SHARE * (model.denoise(z, timestep, condition) - z)
            z = z + drift / 2 + math.sqrt(alpha) * torch.randn(z.shape, generator=generator).to(z)
    return model.denoise(z, timesteps[-1], condition)
