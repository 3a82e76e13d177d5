# SPDX-License-Identifier: GPL-3.0-or-later
"""A batch as a table for Blender's console. Knows no bpy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..jobs.job import JobState
from .entry import DONE, ELSEWHERE, MISSING, NOT_IN_SCENE, Entry

ORDER = (
    DONE,
    JobState.RUNNING,
    JobState.CANCELLING,
    JobState.QUEUED,
    ELSEWHERE,
    JobState.FAILED,
    JobState.CANCELLED,
    NOT_IN_SCENE,
    MISSING,
)
WIDEST_NAME = 48


def counted(states: Sequence[str]) -> str:
    """Return the number of jobs by state: ``7 done, 1 running, 4 queued``."""
    counts = Counter(states)
    return ", ".join(f"{counts[state]} {state}" for state in ORDER if counts[state])


def table(entries: Sequence[Entry], states: Sequence[str]) -> str:
    """Return a line for each job: its row, state and progress, its object's name, and its error."""
    names = [_cut(entry.planned.name) for entry in entries]
    width, state_width = max(map(len, names), default=0), max(map(len, states), default=0)
    lines = [f"  row  {'state':{state_width}}  {'progress':>11}  name"]
    for entry, state, name in zip(entries, states, names, strict=True):
        error = entry.error
        trouble = f"{name:{width}}  {error.message.splitlines()[0]}" if error is not None else name
        lines.append(f"  {entry.planned.row:>3}  {state:{state_width}}  {_progress(entry):>11}  {trouble}")
    return "\n".join(lines)


def _progress(entry: Entry) -> str:
    job = entry.job
    return f"{job.progress.step}/{job.progress.total}" if job is not None and job.progress is not None else ""


def _cut(name: str) -> str:
    return name if len(name) <= WIDEST_NAME else name[: WIDEST_NAME - 3] + "..."
