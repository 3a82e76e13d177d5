# SPDX-License-Identifier: GPL-3.0-or-later
"""How much noise a network that predicts v believes to see, beside what its scheduler says.

In the finest detail of a smooth sample there is nothing but noise. Of noise of deviation s, a network that takes its
timestep for the noise level sigma' answers with v = s / sigma' times that noise. So each call tells a level of the
table that the network was trained with. Networks that predict noise answer with s / s', which is 1 at all high levels
and tells none of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from .fine_detail import fine_share
from .noise_levels import nearest_timestep, sigma_table
from .pipeline_model import PipelineModel
from .preconditioning import preconditioning
from .prediction_check import network_outputs, noise_like
from .usual_labels import ZERO_RATIO, other_schedules

TRIED = (0.3, 1.0, 2.5, 15.0)
"""Noise levels."""

MOST_SPREAD = 1.7
"""Factor by which the ratios of believed to told levels may differ: measured up to 1.2 where the table is right, 1.8 to
6 where it is another one. A ratio itself says less: learned detail raises it at all levels."""

LOWEST, HIGHEST = 0.5, 20.0
"""Between which a believed level is one: above, there is too little noise in v to measure."""

FITS = 1.45
"""The largest ratio, either way, of a table that is named in its place."""


@torch.no_grad()
def other_schedule(
    model: PipelineModel, embedding: torch.Tensor | None, smooth: torch.Tensor, told: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Find the schedule by which a network that predicts v takes its timesteps; None where it is that which is told.

    Parameters
    ----------
    model : PipelineModel
        Known to predict v.
    embedding, smooth : Tensor
        As of `sjc_blender.engine.score_models.prediction_check.readings`.
    told : mapping
        Its scheduler's configuration.
    """
    believed = {}
    for sigma in TRIED:
        timestep = nearest_timestep(model.sigmas, sigma)
        believed[timestep] = _believed(model, embedding, smooth, timestep)
    ratios = [level / float(model.sigmas[timestep]) for timestep, level in believed.items()]
    if max(ratios) / min(ratios) < MOST_SPREAD:
        return None
    schedules = [*other_schedules(told), *([] if told.get("rescale_betas_zero_snr") else [ZERO_RATIO])]
    misfits = [_misfit(believed, sigma_table(schedule)) for schedule in schedules]
    misfit, best = min(zip(misfits, schedules, strict=True), key=lambda one: one[0])
    return best if misfit < FITS else None


def _believed(model: PipelineModel, embedding: torch.Tensor | None, smooth: torch.Tensor, timestep: int) -> float:
    sigma = float(model.sigmas[timestep])
    c_in = preconditioning(model.prediction_type, sigma).c_in
    noise = noise_like(smooth)
    output = network_outputs(model, c_in * (smooth + sigma * noise), timestep, embedding)
    share = fine_share(output, noise)
    return c_in * sigma / max(share, 1e-6)


def _misfit(believed: Mapping[int, float], table: torch.Tensor) -> float:
    """Largest ratio of believed levels to those of a table, either way.

    Only of timesteps that it has, since no network knows others, and not at low levels, where networks see how much
    noise there is, whatever their timestep.
    """
    ratios = [
        min(level, HIGHEST) / min(float(table[timestep]), HIGHEST)
        for timestep, level in believed.items()
        if timestep < len(table) and level > LOWEST
    ]
    return max(max(ratios), 1 / min(ratios)) if len(ratios) > 1 else math.inf
