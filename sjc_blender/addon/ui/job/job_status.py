# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts about a job in the panel. Knows no bpy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import PurePath
from typing import Any

from ....protocol.amounts import duration, gigabytes
from ....protocol.known_models import known_model
from ...jobs.job import Job, JobState
from ...jobs.job_records import JobRecord, RecordState

ICONS: dict[JobState, Any] = {
    JobState.QUEUED: "TIME",
    JobState.RUNNING: "PLAY",
    JobState.PAUSED: "PAUSE",
    JobState.CANCELLING: "SNAP_FACE",
    JobState.DONE: "CHECKMARK",
    JobState.FAILED: "ERROR",
    JobState.CANCELLED: "CANCEL",
}
"""Blender's icon for each state."""


def headline(job: Job) -> str:
    """Return the state of a job in a few words."""
    match job.state:
        case JobState.QUEUED:
            return "Waits for the jobs before it"
        case JobState.RUNNING if job.pausing:
            return "Pauses after this step"
        case JobState.RUNNING:
            return job.phase[:1].upper() + job.phase[1:]
        case JobState.PAUSED:
            return "Paused; it keeps its memory" if job.pausing else "Goes on"
        case JobState.CANCELLING:
            return "Stops after this step"
        case JobState.DONE:
            return _outcome(job)
        case JobState.FAILED:
            return "Failed"
        case JobState.CANCELLED:
            return f"Cancelled after {job.progress.step} steps" if job.progress else "Cancelled"


LONGEST_HEADLINES = (
    "Waits for the jobs before it",
    "Pauses after this step",
    "Loading the model",
    "Writing the results",
    "Paused; it keeps its memory",
    "Stops after this step",
    "Cancelled after 99999 steps",
    "Done, and in the scene",
    "Done, but not in the scene",
    "Done; imports in Object Mode",
)
"""Longest texts of `headline`, for which room is reserved."""


def bar_text(job: Job) -> str:
    """Text of the progress bar: the share, and the steps."""
    if job.progress is None:
        return ""
    return f"{job.fraction:.0%}   {job.progress.step} / {job.progress.total}"


MEASURING = "Measuring the speed"


def rate_text(job: Job) -> str:
    """Return speed and time left, or that they are being measured; empty where there are none."""
    progress = job.progress
    if progress is None or job.state is JobState.PAUSED or not job.live or progress.step >= progress.total:
        return ""
    if not job.speed_known or progress.steps_per_second <= 0:
        return MEASURING
    return f"{progress.steps_per_second:.1f} steps/s, {duration(progress.eta_seconds)} left"


LONGEST_RATES = (MEASURING, "999.9 steps/s, 99:59:59 left")
"""Longest texts of `rate_text`, for which room is reserved."""


def forecast_text(job: Job) -> str:
    """Return the job's forecast of memory and, once known, time; empty before it."""
    told = job.forecast
    if told is None:
        return ""
    on_card = told.graphics_bytes > 0
    memory = f"{gigabytes(told.graphics_bytes)} of the GPU" if on_card else f"{gigabytes(told.memory_bytes)} of memory"
    known = told.seconds > 0 and job.speed_known
    return f"{duration(told.seconds)} in all, {memory}" if known else f"Needs about {memory}"


LONGEST_FORECASTS = ("99:59:59 in all, 99.9 GB of memory", "99:59:59 in all, 99.9 GB of the GPU")
"""Longest texts of `forecast_text`, for which room is reserved."""


def model_title(source: str) -> str:
    """Return a model's display name."""
    known = known_model(source)
    return known.title if known is not None else PurePath(source).name or source


def settings_text(job: Job) -> str:
    """Return what distinguishes jobs of the same prompt: preset, seed and model."""
    spec = job.spec
    return f"{spec.preset.capitalize()}, seed {spec.seed}, {model_title(spec.model.source)}"


def line_text(job: Job, jobs: Sequence[Job]) -> str:
    """Return the same for a line of the list, which is short: the seed, and what the jobs of the list differ in."""
    several_presets = len({other.spec.preset for other in jobs}) > 1
    several_models = len({other.spec.model.source for other in jobs}) > 1
    parts = [job.spec.preset.capitalize()] if several_presets else []
    parts.append(str(job.spec.seed))
    return " ".join([*parts, model_title(job.spec.model.source)] if several_models else parts)


def place_text(job: Job, jobs: Sequence[Job]) -> str:
    """Return a job's progress, or its position in the queue; empty once it has ended."""
    if job.state is JobState.QUEUED:
        waiting = [other for other in jobs if other.state is JobState.QUEUED]
        place = waiting.index(job) + 1
        return "Next" if place == 1 else f"{place}."
    return f"{job.fraction:.0%}" if job.live else ""


RECORD_ICONS: dict[RecordState, Any] = {
    RecordState.DONE: "CHECKMARK",
    RecordState.WAITING: "TIME",
    RecordState.INTERRUPTED: "RECOVER_LAST",
    RecordState.CANCELLED: "CANCEL",
    RecordState.FAILED: "ERROR",
    RecordState.DAMAGED: "ERROR",
    RecordState.BUSY: "PLAY",
}
"""Blender's icon for each state of a job of the history."""


def offer_text(record: JobRecord) -> str:
    """Return where a job was interrupted."""
    if record.state is RecordState.WAITING:
        return f"Not begun: it waited in line. {record.steps} steps"
    if record.step == 0:
        return "Interrupted before its first checkpoint"
    return f"Interrupted at step {record.step} of {record.steps}"


def record_text(record: JobRecord) -> list[str]:
    """Return a few lines about a job of the history."""
    match record.state:
        case RecordState.DONE:
            became = f"Done in {record.steps} steps"
        case RecordState.BUSY:
            became = "An engine is at work on it"
        case RecordState.FAILED:
            became = f"Failed; checkpoint at step {record.step}" if record.step else "Failed"
        case RecordState.CANCELLED:
            became = f"Cancelled at step {record.step} of {record.steps}"
        case _:
            became = offer_text(record)
    created = datetime.fromtimestamp(record.created)
    return [became, record_settings(record), f"{created:%d %b %Y, %H:%M}"]


def record_settings(record: JobRecord) -> str:
    """Return what distinguishes a job of the history from others of its prompt."""
    return f"{record.preset.capitalize()}, seed {record.seed}, {model_title(record.model)}"


def _outcome(job: Job) -> str:
    if job.imported:
        return "Done, and in the scene"
    if job.import_error is not None:
        return "Done, but not in the scene"
    return "Done; imports in Object Mode" if job.awaits_import else "Done"
