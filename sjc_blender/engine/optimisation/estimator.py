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


def draw_noise(
    shape: Sequence[int], count: int, generator: torch.Generator, *, antithetic: bool = False
) -> torch.Tensor:
    """Noises for renders, from N(0, I), on the CPU.

    Parameters
    ----------
    shape : sequence of int
        Of the renders, [V, C, H, W].
    count : int
        Noises for each; even if they come in pairs.
    antithetic : bool
        The second half are the first half's negatives, so that whatever is odd in the noise cancels.

    Returns
    -------
    Tensor [V, K, C, H, W], float32
    """
    views, *size = shape
    drawn = torch.randn(views, count // 2 if antithetic else count, *size, generator=generator)
    return torch.cat([drawn, -drawn], dim=1) if antithetic else drawn


def paas_gradient(
    model: ScoreModel,
    y: torch.Tensor,
    timestep: int,
    conditions: Sequence[Condition],
    noises: torch.Tensor,
    settings: OptimisationSpec,
) -> torch.Tensor:
    """The perturb-and-average score at `y`, averaged over the noises, times sigma to a power.

    With z = y + sigma n and the predicted noise eps = (z - D(z)) / sigma, every c n - eps has the same
    mean over n: sigma times the score of the data blurred by sigma, averaged around y:

    =========  ==========================================================================================
    ``eq15``   c = 0: the score at the perturbed render, (D(z) - z) / sigma^2, Eq. 15 of the paper
    ``eq16``   c = 1: measured from the render itself, (D(z) - y) / sigma^2, Eq. 16
    ``blend``  c between them; see `blend_coefficient`
    ``none``   no PAAS: the denoiser sees y without noise, (D(y) - y) / sigma^2, whose mean is another
    =========  ==========================================================================================

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
        `estimator`, `blend`, `data_std` and `sigma_power` count.

    Returns
    -------
    Tensor [V, C, H, W], float32
        An ascent direction: adding it to `y` makes `y` more probable.
    """
    sigma = float(model.sigmas[timestep])
    perturbation = torch.zeros_like(noises) if settings.estimator == "none" else sigma * noises
    z = y[:, None] + perturbation
    denoised = _denoise(model, z, timestep, conditions)
    origin = y[:, None] + (1.0 - blend_coefficient(settings, sigma)) * perturbation
    return (denoised - origin).mean(dim=1) * sigma ** (settings.sigma_power - 2.0)


def blend_coefficient(settings: OptimisationSpec, sigma: float) -> float:
    """Return the c of c n - eps.

    For Gaussian data of standard deviation s the variance over n is least, and zero, at
    c = sigma^2 / (sigma^2 + s^2), because there eps = c n + a constant. (Eq. 16's variance is (s / sigma)^4
    times that of Eq. 15: it is the worse of the two below s.) The classifier score has no such part: c = 0.
    """
    if settings.guidance == "classifier_score":
        # The noise cancels in the difference of two predictions; what is measured from y would bring it back.
        return 0.0
    if settings.estimator != "blend":
        return 0.0 if settings.estimator == "eq15" else 1.0
    if settings.blend is not None:
        return settings.blend
    return sigma**2 / (sigma**2 + settings.data_std**2)


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
