"""Perturb-and-average scoring (PAAS): the score of a render that the denoiser never saw.

Wang et al., CVPR 2023, https://arxiv.org/abs/2212.00774, section 4.2.
"""

from __future__ import annotations

from typing import Literal

import torch

from .score_models.score_model import Condition, ScoreModel


@torch.no_grad()
def paas_gradient(
    model: ScoreModel,
    y: torch.Tensor,
    timestep: int,
    condition: Condition,
    noise: torch.Tensor,
    estimator: Literal["eq15", "eq16"] = "eq16",
    sigma_power: float = 1.0,
) -> torch.Tensor:
    """One sample of the perturb-and-average score at `y`, times sigma to a power.

    Eq. 15 is the score at the perturbed render, (D(y + sigma n) - (y + sigma n)) / sigma^2.
    Eq. 16 measures from the render itself, (D(y + sigma n) - y) / sigma^2; because E[n] = 0 both have
    the same mean over n, the score of the data blurred by sigma, averaged around y.

    Parameters
    ----------
    model : ScoreModel
    y : Tensor [B, C, H, W], float32
        Renders.
    timestep : int
        Index of sigma in ``model.sigmas``.
    condition : Condition
    noise : Tensor [B, C, H, W], float32
        A draw from N(0, I).
    estimator : str
        ``"eq15"`` or ``"eq16"``.
    sigma_power : float
        1 is the paper's weighting.

    Returns
    -------
    Tensor [B, C, H, W], float32
        An ascent direction: adding it to `y` makes `y` more probable.
    """
    sigma = float(model.sigmas[timestep])
    z = y + sigma * noise
    denoised = model.denoise(z, timestep, condition)
    origin = y if estimator == "eq16" else z
    return (denoised - origin) * sigma ** (sigma_power - 2.0)
