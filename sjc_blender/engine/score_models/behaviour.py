# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network's answers tell of how it was trained, beyond what it predicts.

That is whether its highest noise level is nothing but noise, and whether it finishes pictures in one step.

Both are seen in the finest detail of the answers to noise alone. Of a picture there is next to nothing in it, so that
what is there of the noise is what the network's training left, and is exact. The thresholds are tried on the built-in
prior and on ideal networks in ``tests/engine/test_behaviour.py``; no large distilled model was at hand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from ...protocol.distillation import GUIDANCE_SCALE, MOST_GUIDANCE, Distillation
from ...protocol.profile_content import ModelProfile
from ...protocol.spec import JobSpec
from ...protocol.untuned import untuned
from .fine_detail import fine_share
from .noise_levels import nearest_timestep
from .pipeline_model import PipelineModel
from .preconditioning import FLOW, preconditioning
from .prediction_check import NUMBERS, network_outputs
from .score_model import ScoreModel

FINISHING_SIGMA = 5.0
MOST_FINE_NOISE = 0.3
"""Of the fine noise in a clean sample at `FINISHING_SIGMA`. The mean of all pictures that may be under the noise has at
most P sigma / (P + sigma^2), with a power P of at most 1: 0.19. One of those pictures has about the root of P."""

LEAST_SHARE = 0.25
"""Of the fine noise in v at the last timestep, as a share of what is there without a zero ratio: the built-in prior has
1.0 to 1.1, an ideal network 0.5 and more of samples with much fine detail."""

LEAST_ALPHA = 0.02
"""Signal of the last timestep below which an end is as good as another."""


def levels_of(distillation: Distillation, model: PipelineModel, schedule: Mapping[str, Any]) -> tuple[int, ...]:
    """Timesteps of a model's table that its distillation has left it."""
    shift = float(schedule.get("shift") or 1.0) if model.prediction_type == FLOW else 1.0
    levels = distillation.timesteps(int(schedule["num_train_timesteps"]), shift=shift)
    return tuple(min(level, len(model.sigmas) - 1) for level in levels)


@torch.no_grad()
def finishes_pictures(model: PipelineModel, embedding: torch.Tensor | None) -> bool:
    """Whether a network makes one picture of noise, not the mean of all: so do Turbo, Lightning, LCM and such."""
    level = nearest_timestep(model.sigmas, FINISHING_SIGMA)
    sigma = float(model.sigmas[level])
    factors = preconditioning(model.prediction_type, sigma, model.sigma_data)
    noise, output = _answer_to_noise(model, level, factors.c_in * sigma, embedding)
    return fine_share(factors.c_skip * sigma * noise + factors.c_out * output, noise) > MOST_FINE_NOISE


@torch.no_grad()
def other_terminal_snr(model: PipelineModel, embedding: torch.Tensor | None, *, told_zero: bool, alpha: float) -> bool:
    """Whether a network that predicts v was trained with the other end of its noise levels than is told.

    At its last timestep v is alpha times the noise less the picture, and alpha is 0 at a zero signal-to-noise ratio.

    Parameters
    ----------
    embedding : Tensor [1, ...] or None
        As of `sjc_blender.engine.score_models.prediction_check.readings`.
    told_zero : bool
        What the scheduler's configuration says.
    alpha : float
        Signal of the last timestep without a zero ratio.
    """
    # With a ratio of zero the table stops before the last timestep.
    last = len(model.sigmas) if told_zero else len(model.sigmas) - 1
    noise, output = _answer_to_noise(model, last, 1.0 if told_zero else math.sqrt(1 - alpha * alpha), embedding)
    share = fine_share(output, noise) / alpha
    return (share > LEAST_SHARE) == told_zero


def _answer_to_noise(
    model: PipelineModel, timestep: int, scale: float, embedding: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise [N, C, H, W] of deviation 1, and what the network predicts of it, seen `scale` as strong."""
    shape = (model.channels, model.sample_size, model.sample_size)
    count = max(1, math.ceil(NUMBERS / math.prod(shape)))
    noise = torch.randn((count, *shape), generator=torch.Generator().manual_seed(1)).to(model.device)
    return noise, network_outputs(model, scale * noise, timestep, embedding)


def warnings_of(spec: JobSpec, profile: ModelProfile, model: ScoreModel) -> list[str]:
    """What of a job's model and its settings for it does not go together, or was not tried, before the first step."""
    if not isinstance(model, PipelineModel):
        return []
    scale = spec.optimisation.guidance_scale
    found = list(filter(None, [*model.remarks, untuned(spec.model.source)]))
    if model.levels and profile.conditioning == "text" and scale > MOST_GUIDANCE:
        found.append(
            f"The model is distilled: it has guidance inside, and optimisation.guidance_scale {scale:g} on top of that "
            f"burns out colours. Set it to {GUIDANCE_SCALE:g}."
        )
    return found
