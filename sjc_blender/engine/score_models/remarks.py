# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person has to know of a model that was tried when it was loaded, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from ...protocol.distillation import Distillation
from .behaviour import LEAST_ALPHA, finishes_pictures, other_terminal_snr
from .believed_levels import other_schedule
from .noise_levels import NoiseLevels, sigma_table
from .pipeline_model import PipelineModel
from .preconditioning import SCORE
from .prediction_check import Trial, readings, told_as
from .usual_labels import other_labels, written

USUAL_STRENGTH = 0.6
"""Root mean square of the smooth sample, as trained autoencoders encode it: the built-in and the stress prior's."""

MOST_TIMES = 4.0
"""Larger or smaller than that is another autoencoder's scale. The stress prior's network is plausible with samples of a
tenth to five times its own, so that what a network answers does not tell it."""

MOST_DOUBT = 0.75
"""By which another label is recommended: the right one of a trained network had up to 0.40; a network of random
weights, whose autoencoder makes the sample faint, had 0.97 as one of EDM."""

NO_ANSWERS = (
    "The model's answers are those of no trained network, whatever it predicts. It may be untrained, damaged, "
    "or made for other noise levels than its scheduler says: expect noise."
)


def remarks_on(
    model: PipelineModel, schedule: Mapping[str, Any], trial: Trial, distillation: Distillation | None
) -> tuple[str, ...]:
    """Tell what is wrong, or may be, of a model.

    Parameters
    ----------
    model : PipelineModel
    schedule : mapping
        Its scheduler's configuration.
    trial : Trial
    distillation : Distillation or None
        By which it is used.
    """
    found = [_guess(distillation), _scale(trial), useless_end(model, schedule)]
    if trial.prediction is None:
        return tuple(filter(None, [*found, _other_label(model, schedule, trial) or NO_ANSWERS]))
    return tuple(filter(None, [*found, *_answers(model, schedule, trial, distillation)]))


def _guess(distillation: Distillation | None) -> str:
    if distillation is None or not distillation.guessed_by:
        return ""
    return (
        f"The model is used as one distilled to a few steps ({distillation.title}), because of "
        f"{distillation.guessed_by}: {distillation.steps} of its noise levels, and no guidance unless the job has "
        'some. If that is wrong, write "distilled": "no" into its profile sjc.json, if it is right, '
        f'"{distillation.name}".'
    )


def _scale(trial: Trial) -> str:
    if trial.smooth is None:
        return ""
    times = float(trial.smooth.square().mean().sqrt()) / USUAL_STRENGTH
    if 1 / MOST_TIMES < times < MOST_TIMES or trial.prediction is None:
        return ""
    return _other_scale(times)


def _other_scale(times: float) -> str:
    return (
        f"What the model's autoencoder makes of a plain picture is {times:.2g} times as strong as usual: its "
        "scaling_factor in vae/config.json (or latents_mean and latents_std) is probably that of another."
    )


def useless_end(model: PipelineModel, schedule: Mapping[str, Any]) -> str:
    """What to say of noise levels so high that a network that predicts noise tells nothing there; else empty."""
    if model.prediction_type != "epsilon" or not schedule.get("rescale_betas_zero_snr"):
        return ""
    return (
        "The model predicts noise (epsilon), and its scheduler has a zero terminal signal-to-noise ratio, where noise "
        "says nothing of the picture: the highest noise levels are read wrong. Write "
        '"rescale_betas_zero_snr": false into its scheduler/scheduler_config.json; if it was trained with that, leave '
        "the highest levels out (optimisation.timesteps)."
    )


def _other_label(model: PipelineModel, schedule: Mapping[str, Any], trial: Trial) -> str:
    """What a network is whose answers are not those of its label; empty where they are those of none."""
    if trial.smooth is None:
        return ""
    told = NoiseLevels(model.prediction_type, model.sigmas, model.clock, model.sigma_data)
    found = []
    for words, levels in other_labels(told, schedule):
        for kind, reading in readings(model.read_as(levels), trial.embedding, trial.smooth).items():
            if reading.doubt < MOST_DOUBT:
                found.append((reading.doubt, f'"prediction_type": "{told_as(kind)}", {words}'))
    if found:
        return (
            "The model's answers are not those of what its scheduler says, but of another kind of network: expect "
            f"noise. Its scheduler/scheduler_config.json should have {min(found)[1]}."
        )
    times = float(trial.smooth.square().mean().sqrt()) / USUAL_STRENGTH
    usual = readings(model, trial.embedding, trial.smooth / times)[model.prediction_type]
    return _other_scale(times) if usual.plausible else ""


def _answers(
    model: PipelineModel, schedule: Mapping[str, Any], trial: Trial, distillation: Distillation | None
) -> Iterator[str]:
    """Of a network that predicts what it is said to."""
    tried = distillation is None and model.prediction_type != SCORE
    if tried and (trial.distilled or finishes_pictures(model, trial.embedding)):
        yield (
            "The model makes a finished picture of noise in one step, as distilled ones do (Turbo, Lightning, LCM), "
            'and is used as a usual one. If it is distilled, name its kind as "distilled" in its profile sjc.json; if '
            'not, write "no" there.'
        )
    if model.prediction_type != "v_prediction":
        return
    if trial.smooth is not None and distillation is None:
        other = other_schedule(model, trial.embedding, trial.smooth, schedule)
        if other is not None:
            yield (
                "The model takes its timesteps for other noise levels than its scheduler says: they fit "
                f"{written(other)}. If it was trained so, write that into its scheduler/scheduler_config.json."
            )
            return
    told_zero = bool(schedule.get("rescale_betas_zero_snr", False))
    alpha = 1.0 / math.sqrt(1.0 + float(sigma_table({**schedule, "rescale_betas_zero_snr": False})[-1]) ** 2)
    if alpha >= LEAST_ALPHA and other_terminal_snr(model, trial.embedding, told_zero=told_zero, alpha=alpha):
        yield (
            f"The model seems to be trained {'without' if told_zero else 'with'} a zero terminal signal-to-noise "
            "ratio, and its scheduler says the opposite: high noise levels are read wrong. Write "
            f'"rescale_betas_zero_snr": {str(not told_zero).lower()} into its scheduler/scheduler_config.json.'
        )
