# SPDX-License-Identifier: GPL-3.0-or-later
"""Variations: jobs of several seeds, whose results stay in their folders until one is kept.

What is told apart here is a matter of this session; in a later one they are jobs of the history, each for itself.
"""

from __future__ import annotations

import math

import bpy

from ...jobs import job_queue
from ...jobs.job import Job, JobState
from . import turn
from .job_status import place_text

MOST = 16
LARGEST_PICTURE = 6.0
"""In units."""

_sets: list[list[str]] = []
"""Ids of jobs that were started together."""


def together(jobs: list[Job]) -> None:
    """Group jobs as variations of each other."""
    _sets.append([job.id for job in jobs])


def set_of(job: Job) -> list[Job]:
    """Return the job and its listed variations, by seed."""
    ids = next((ids for ids in _sets if job.id in ids), [])
    # One that was resumed is listed twice, and is its newer self.
    newest = {other.id: other for other in job_queue.QUEUE.jobs if other.id in ids}
    return sorted(newest.values(), key=lambda other: other.spec.seed) or [job]


def draw_set(layout: bpy.types.UILayout, jobs: list[Job], units: float) -> None:
    """Draw the pictures of variations, each with the button that keeps it; `units` is the width."""
    columns = max(2, math.ceil(math.sqrt(len(jobs))))
    side = min(LARGEST_PICTURE, units / columns)
    column = layout.column(align=True)
    for first in range(0, len(jobs), columns):
        row = column.row(align=True)
        for place in range(first, first + columns):
            cell = row.column(align=True)
            if place < len(jobs):
                _draw_one(cell, jobs[place], side)
            else:
                cell.label(text="")


def _draw_one(cell: bpy.types.UILayout, job: Job, side: float) -> None:
    cell.template_icon(icon_value=turn.icon(job), scale=side)
    button = cell.row()
    button.enabled = job.state is JobState.DONE and not job.imported and not job.awaits_import
    text = f"Keep {job.spec.seed}"
    if job.live:
        text = place_text(job, job_queue.QUEUE.jobs)
    elif job.state is not JobState.DONE:
        text = "Failed" if job.state is JobState.FAILED else "Cancelled"
    elif job.imported:
        text = "Kept"
    button.operator("sjc.import_result", text=text).directory = str(job.folder.path)


def forget() -> None:
    """Forget all groups."""
    _sets.clear()
