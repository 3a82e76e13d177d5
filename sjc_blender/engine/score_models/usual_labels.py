# SPDX-License-Identifier: GPL-3.0-or-later
"""The labels that models usually have, beside which a model's own is judged, and what to write for each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .noise_levels import Clock, NoiseLevels, exponential_table, flow_table, sigma_table
from .preconditioning import EDM, FLOW

TRAINED_STEPS = 1000
"""Timesteps that networks are trained with, where nothing else is said."""

SCHEDULES: tuple[dict[str, Any], ...] = (
    {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": TRAINED_STEPS},
    {"beta_schedule": "linear", "beta_start": 0.0001, "beta_end": 0.02, "num_train_timesteps": TRAINED_STEPS},
    {"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": TRAINED_STEPS},
)
"""Noise levels of variance-preserving networks: those of Stable Diffusion, of DDPM, and a cosine's."""

ZERO_RATIO = {**SCHEDULES[0], "rescale_betas_zero_snr": True}
"""Those of Stable Diffusion, moved to end with nothing but noise."""


def other_schedules(told: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Schedules that a model may have been trained with, but for the one that its scheduler tells."""
    own = {key: told.get(key) for key in ("beta_schedule", "beta_start", "beta_end", "trained_betas")}
    if told.get("num_train_timesteps") != TRAINED_STEPS and own["beta_schedule"] and not own["trained_betas"]:
        yield {**own, "num_train_timesteps": TRAINED_STEPS}
    for schedule in SCHEDULES:
        if any(told.get(key) != value for key, value in schedule.items()):
            yield schedule


def other_labels(told: NoiseLevels, schedule: Mapping[str, Any]) -> Iterator[tuple[str, NoiseLevels]]:
    """Labels of other kinds of noise levels than those that are told, each with what to write into the model's files.

    Parameters
    ----------
    told : NoiseLevels
    schedule : mapping
        The configuration of the scheduler that told them.
    """
    usual = told.clock.kind == "index"
    for other in other_schedules(schedule) if usual else SCHEDULES:
        table = sigma_table(other)
        yield written(other), NoiseLevels("epsilon", table, Clock("index", table))
    for word, data, ends in (("epsilon", 0.5, {}), ("v_prediction", 1.0, {"sigma_max": 120.0})):
        if (told.clock.kind, told.sigma_data) != ("edm", data):
            table = exponential_table(ends)
            label = f'"_class_name": "EDMEulerScheduler", "sigma_data": {data:g}'
            yield label, NoiseLevels(EDM[word], table, Clock("edm", table), data)
    if told.clock.kind != "flow":
        table = flow_table({"num_train_timesteps": TRAINED_STEPS})
        label = '"_class_name": "DPMSolverMultistepScheduler", "use_flow_sigmas": true'
        yield label, NoiseLevels(FLOW, table, Clock("flow", table, TRAINED_STEPS))


def written(schedule: Mapping[str, Any]) -> str:
    """A schedule as it stands in ``scheduler_config.json``."""
    return ", ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in schedule.items() if value is not None)
