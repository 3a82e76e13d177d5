# SPDX-License-Identifier: GPL-3.0-or-later
"""The paper's 2D experiment (its Figure 4): a picture as the parameters, PAAS as its gradient.

The score is chained through the identity, so this is SJC without a renderer:
https://arxiv.org/abs/2212.00774, section 4.2.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import torch
from torch import Tensor

from ...protocol.spec import OptimisationSpec
from ..optimisation.estimator import paas_gradient
from ..score_models.noise_levels import nearest_timestep
from ..score_models.score_model import Condition, ScoreModel

Estimator = Literal["eq15", "eq16", "none"]

STEP_SHARE = 0.1
"""Share of the way to the mean of the denoised samples that a step goes."""


def sigma_schedule(sigmas: Tensor, steps: int, fixed_sigma: float | None) -> list[int]:
    """Timesteps of a run: one level throughout, or all from the highest to the lowest, evenly in the index."""
    if fixed_sigma is not None:
        return [nearest_timestep(sigmas, fixed_sigma)] * steps
    return [round(float(index)) for index in torch.linspace(len(sigmas) - 1, 0, steps, dtype=torch.float64)]


def sample_paas(
    model: ScoreModel,
    condition: Condition,
    start: Tensor,
    steps: int,
    generator: torch.Generator,
    *,
    estimator: Estimator = "eq15",
    fixed_sigma: float | None = None,
    noises: int = 1,
) -> Tensor:
    """Climb the perturbed-and-averaged score from `start`.

    x <- x + 0.1 sigma^2 PAAS(x; sigma), that is a tenth of the way from x to the mean of D(x + sigma n; sigma).

    Parameters
    ----------
    start : Tensor [B, C, H, W]
    generator : torch.Generator
        On the CPU.
    estimator : str
        ``"eq15"`` or ``"eq16"``; ``"none"`` shows the denoiser x itself, without the perturbation that PAAS is about.
    fixed_sigma : float or None
        One noise level for all steps; None: annealed from the highest to the lowest.
    noises : int
        Perturbations that are averaged in a step.

    Returns
    -------
    Tensor [B, C, H, W]
    """
    settings = dataclasses.replace(OptimisationSpec(), estimator=estimator, sigma_power=2.0)
    x = start
    conditions = [condition] * len(x)
    for timestep in sigma_schedule(model.sigmas, steps, fixed_sigma):
        perturbations = torch.randn(len(x), noises, *x.shape[1:], generator=generator).to(x)
        x = x + STEP_SHARE * paas_gradient(model, x, timestep, conditions, perturbations, settings)
    return x
