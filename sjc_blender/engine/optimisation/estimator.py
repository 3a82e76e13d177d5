# SPDX-License-Identifier: GPL-3.0-or-later
"""Perturb-and-average scoring (PAAS): the score of renders that the denoiser never saw.

Wang et al., CVPR 2023, https://arxiv.org/abs/2212.00774, section 4.2.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch

from ...protocol.spec import OptimisationSpec
from ..score_models.score_model import Condition, ScoreModel, views_seen_together


def paas_gradient(
    model: ScoreModel,
    y: torch.Tensor,
    timestep: int,
    conditions: Sequence[Condition],
    noises: torch.Tensor,
    settings: OptimisationSpec,
) -> torch.Tensor:
    """The perturb-and-average score at `y`, averaged over the noises, times sigma to a power.

    With z = y + sigma n the first two have the same mean over n: the score of the data blurred by sigma, averaged
    around y. The variance of Eq. 16 is (s / sigma)^4 times that of Eq. 15 for Gaussian data of standard deviation s.

    =========  ==========================================================================================
    ``eq15``   the score at the perturbed render, (D(z) - z) / sigma^2, Eq. 15 of the paper
    ``eq16``   measured from the render itself, (D(z) - y) / sigma^2, Eq. 16
    ``none``   no PAAS: the denoiser sees y without noise, (D(y) - y) / sigma^2, whose mean is another
    =========  ==========================================================================================

    For the classifier score all are ``eq15`` but for the noise: it cancels in the difference of two predictions, and
    what is measured from y would bring it back.

    Parameters
    ----------
    y : Tensor [V, C, H, W], float32
        Renders.
    timestep : int
        Index of sigma in ``model.sigmas``.
    conditions : sequence of V Condition
        One for each render.
    noises : Tensor [V, K, C, H, W], float32
        Draws from N(0, I).
    settings : OptimisationSpec
        `estimator`, `guidance` and `sigma_power` count.

    Returns
    -------
    Tensor [V, C, H, W], float32
        An ascent direction: adding it to `y` makes `y` more probable.
    """
    sigma = float(model.sigmas[timestep])
    perturbation = torch.zeros_like(noises) if settings.estimator == "none" else sigma * noises
    z = y[:, None] + perturbation
    denoised = _denoise(model, z, timestep, conditions)
    origin = z if settings.estimator == "eq15" or settings.guidance == "classifier_score" else y[:, None]
    return (denoised - origin).mean(dim=1) * sigma ** (settings.sigma_power - 2.0)


@torch.no_grad()
def _denoise(model: ScoreModel, z: torch.Tensor, timestep: int, conditions: Sequence[Condition]) -> torch.Tensor:
    """D(z) for z [V, K, C, H, W], in one call of the network where the conditions allow it."""
    count = z.shape[1]
    if views_seen_together(model) > 1:
        joined = joined_conditions(conditions, count, neighbours=True)
        assert joined is not None  # of such models nothing but tensors differs
        rings = z.transpose(0, 1)
        return model.denoise(rings.flatten(0, 1), timestep, joined).view_as(rings).transpose(0, 1)
    joined = joined_conditions(conditions, count)
    if joined is None:
        return torch.stack([model.denoise(*view) for view in zip(z, [timestep] * len(z), conditions, strict=True)])
    return model.denoise(z.flatten(0, 1), timestep, joined).view_as(z)


def joined_conditions(conditions: Sequence[Condition], count: int, *, neighbours: bool = False) -> Condition | None:
    """One condition for a batch of `count` samples a view; None if they differ in more than their tensors.

    The samples of a view are neighbours in the batch, or else, for models that see several at once, the views.
    """
    first = conditions[0]
    if len(conditions) == 1:
        return first
    values: dict[str, Any] = {}
    dim = 1 if neighbours else 0
    for field in dataclasses.fields(first):
        each = [getattr(condition, field.name) for condition in conditions]
        if all(isinstance(value, torch.Tensor) and value.shape == each[0].shape for value in each):
            values[field.name] = torch.stack([v.expand(count, *v.shape[1:]) for v in each], dim=dim).flatten(0, 1)
        elif any(isinstance(value, torch.Tensor) or value != each[0] for value in each):
            return None
    return dataclasses.replace(first, **values)
