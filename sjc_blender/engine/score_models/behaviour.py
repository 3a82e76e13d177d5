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
from .noise_levels import nearest_timestep, sigma_table
from .pipeline_model import PipelineModel
from .preconditioning import FLOW, SCORE, preconditioning
from .prediction_check import NUMBERS, network_outputs
from .score_model import ScoreModel

FINE = 0.3
"""Cycles a sample from which detail is fine; 0.5 is the finest."""

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


def remarks_on(
    model: PipelineModel, schedule: Mapping[str, Any], tried: torch.Tensor | None, *, known: bool, distilled: bool
) -> tuple[str, ...]:
    """What a person has to know of a network that was tried, in sentences.

    Parameters
    ----------
    schedule : mapping
        Its scheduler's configuration.
    tried : Tensor [1, ...] or None
        Embedding of no text, or of any class.
    known : bool
        Whether its answers are those of a network that predicts what it is said to.
    distilled : bool
        Whether it is known to finish pictures in a few steps.
    """
    if not known:
        return (
            "The model's answers are those of no trained network, whatever it predicts. It may be untrained, damaged, "
            "or made for other noise levels than its scheduler says: expect noise.",
        )
    found = []
    if not distilled and model.prediction_type != SCORE and finishes_pictures(model, tried):
        found.append(
            "The model makes a finished picture of noise in one step, as distilled ones do (Turbo, Lightning, LCM), "
            'and is used as a usual one. If it is distilled, name its kind as "distilled" in its profile sjc.json; if '
            'not, write "no" there.'
        )
    if model.prediction_type == "v_prediction":
        told_zero = bool(schedule.get("rescale_betas_zero_snr", False))
        alpha = 1.0 / math.sqrt(1.0 + float(sigma_table({**schedule, "rescale_betas_zero_snr": False})[-1]) ** 2)
        if alpha >= LEAST_ALPHA and other_terminal_snr(model, tried, told_zero=told_zero, alpha=alpha):
            opposite = str(not told_zero).lower()
            found.append(
                f"The model seems to be trained {'without' if told_zero else 'with'} a zero terminal signal-to-noise "
                "ratio, and its scheduler says the opposite: high noise levels are read wrong. Write "
                f'"rescale_betas_zero_snr": {opposite} into its scheduler/scheduler_config.json.'
            )
    return tuple(found)


@torch.no_grad()
def finishes_pictures(model: PipelineModel, embedding: torch.Tensor | None) -> bool:
    """Whether a network makes one picture of noise, not the mean of all: so do Turbo, Lightning, LCM and such."""
    level = nearest_timestep(model.sigmas, FINISHING_SIGMA)
    sigma = float(model.sigmas[level])
    factors = preconditioning(model.prediction_type, sigma, model.sigma_data)
    noise, output = _answer_to_noise(model, level, factors.c_in * sigma, embedding)
    return _fine_share(factors.c_skip * sigma * noise + factors.c_out * output, noise) > MOST_FINE_NOISE


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
    share = _fine_share(output, noise) / alpha
    return (share > LEAST_SHARE) == told_zero


def _answer_to_noise(
    model: PipelineModel, timestep: int, scale: float, embedding: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise [N, C, H, W] of deviation 1, and what the network predicts of it, seen `scale` as strong."""
    shape = (model.channels, model.sample_size, model.sample_size)
    count = max(1, math.ceil(NUMBERS / math.prod(shape)))
    noise = torch.randn((count, *shape), generator=torch.Generator().manual_seed(1)).to(model.device)
    return noise, network_outputs(model, scale * noise, timestep, embedding)


def _fine_share(samples: torch.Tensor, noise: torch.Tensor) -> float:
    """How much of the noise's fine detail is in samples."""
    detail = _fine(noise)
    return float((_fine(samples) * detail).mean() / detail.square().mean())


def _fine(samples: torch.Tensor) -> torch.Tensor:
    axes = [torch.fft.fftfreq(side, device=samples.device).abs() for side in samples.shape[-2:]]
    fine = torch.maximum(axes[0][:, None], axes[1][None]) > FINE
    detail: torch.Tensor = torch.fft.ifft2(torch.fft.fft2(samples) * fine).real
    return detail


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
