"""What the panel says of a job, in words. Knows no bpy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ...protocol.amounts import duration, gigabytes
from ...protocol.errors import SjcError
from ..jobs.job_history import JobRecord, RecordState
from ..jobs.job_queue import Job, JobState

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
    """Say in a few words where the job stands."""
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


def bar_text(job: Job) -> str:
    """Text of the progress bar: the share, and the steps."""
    if job.progress is None:
        return ""
    return f"{job.fraction:.0%}   {job.progress.step} / {job.progress.total}"


def rate_text(job: Job) -> str:
    """Speed and time left; empty while neither is known."""
    progress = job.progress
    if (
        progress is None
        or job.state is JobState.PAUSED
        or progress.steps_per_second <= 0
        or progress.step >= progress.total
    ):
        return ""
    return f"{progress.steps_per_second:.1f} steps/s, {duration(progress.eta_seconds)} left"


def forecast_text(job: Job) -> str:
    """What the job will need: its memory, and its time as soon as that is known; empty while nothing is."""
    told = job.forecast
    if told is None:
        return ""
    on_card = told.graphics_bytes > 0
    memory = f"{gigabytes(told.graphics_bytes)} of the GPU" if on_card else f"{gigabytes(told.memory_bytes)} of memory"
    return f"About {duration(told.seconds)} in all, {memory}" if told.seconds else f"Needs about {memory}"


RECORD_ICONS: dict[RecordState, Any] = {
    RecordState.DONE: "CHECKMARK",
    RecordState.WAITING: "TIME",
    RecordState.INTERRUPTED: "RECOVER_LAST",
    RecordState.CANCELLED: "CANCEL",
    RecordState.FAILED: "ERROR",
    RecordState.BUSY: "PLAY",
}
"""Blender's icon for each state of a job of the history."""


def offer_text(record: JobRecord) -> str:
    """Say where a job was interrupted."""
    if record.state is RecordState.WAITING:
        return f"Not begun: it waited in line. {record.steps} steps"
    if record.step == 0:
        return "Interrupted before its first checkpoint"
    return f"Interrupted at step {record.step} of {record.steps}"


def record_text(record: JobRecord) -> list[str]:
    """Say in a few lines what a job of the history was, and what became of it."""
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
    how = f"{record.preset.capitalize()}, seed {record.seed}"
    return [became, how, f"Model: {record.model}", f"{created:%d %b %Y, %H:%M}"]


def trouble(job: Job) -> SjcError | None:
    """What went wrong, if anything: in the engine, or on the way into the scene."""
    return job.error or job.import_error


def wrapped(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """Break text into lines.

    Parameters
    ----------
    text : str
        Its own line breaks are kept.
    width : float
        What fits, in the units of `measure`. A longer word is broken.
    measure : callable
        Width of a text.
    """
    lines = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}" if line else word
            if line and measure(longer) > width:
                lines.append(line)
                longer = word
            while measure(longer) > width and len(longer) > 1:
                fits = _fitting(longer, width, measure)
                lines.append(longer[:fits])
                longer = longer[fits:]
            line = longer
        lines.append(line)
    return lines


def _fitting(word: str, width: float, measure: Callable[[str], float]) -> int:
    """How many of a word's letters fit, one at least; measured by halving, for paths are long."""
    low, high = 1, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(word[:middle]) <= width else (low, middle - 1)
    return low


def _outcome(job: Job) -> str:
    if job.imported:
        return "Done, and in the scene"
    if job.import_error is not None:
        return "Done, but not in the scene"
    return "Done; comes into the scene in Object Mode" if job.awaits_import else "Done"
