# SPDX-License-Identifier: GPL-3.0-or-later
"""An animation of a finished object in its preview: the views of ``result/turntable.png``, shown once."""

from __future__ import annotations

from typing import Any

import bpy
import bpy.utils.previews
import numpy as np

from ... import clock
from ...jobs import job_queue, pump
from ...jobs.job import Job, JobState
from ...results.asset import TURNTABLE_ROWS, read_pixels
from ...window_events import redraw_sidebars
from ..shared import previews

SECONDS = 0.2
"""Seconds for which a view is shown."""

LAST_SECONDS = 0.6
"""Seconds for which the front is shown at the end."""

_seen: set[str] = set()
"""Ids of finished jobs, each of which is animated once."""

_turning: list[str] = []
"""Ids of the jobs to animate; the first one is running."""

_frame = 0
_views: bpy.utils.previews.ImagePreviewCollection | None = None
"""Views of the first job in `_turning`, by number."""


def icon(job: Job) -> int:
    """Return the icon of a job: the view of its animation, else its newest preview; 0 if there is none."""
    preview = view(job)
    if preview is not None:
        return preview.icon_id
    return previews.icon(job.preview) if job.preview is not None else 0


def view(job: Job) -> bpy.types.ImagePreview | None:
    """Return the present view of a job's animation; None if it does not run."""
    if not _views or _turning[0] != job.id:
        return None
    preview: bpy.types.ImagePreview = _views[str(_frame % len(_views))]
    return preview


def look() -> None:
    """Start the animation of jobs that finished since the last call."""
    for job in job_queue.QUEUE.jobs:
        if job.state is JobState.DONE and job.id not in _seen:
            _seen.add(job.id)
            _turning.append(job.id)
    if _turning:
        clock.schedule(_turn)


def _turn() -> float | None:
    """Show the next view of the first job; after the last view the front again, then the next job."""
    global _frame
    if _views is None:
        _load()
    else:
        _frame += 1
    count = len(_views) if _views is not None else 0
    if _frame > count or not count:
        _close()
    redraw_sidebars()
    if not _turning:
        return None
    return LAST_SECONDS if _frame == count else SECONDS


def _load() -> None:
    """Load the views of the next job; none if it was removed or has no turntable."""
    global _views, _frame
    _frame = 0
    job = job_queue.QUEUE.find(_turning[0])
    pixels = read_pixels(job.folder.turntable) if job is not None and job.folder.has(job.folder.turntable) else None
    if pixels is None:
        return
    _views = bpy.utils.previews.new()
    for number, view in enumerate(views_of(pixels)):
        preview: Any = _views.new(str(number))
        preview.image_size = view.shape[1], view.shape[0]
        preview.image_pixels_float.foreach_set(view.ravel())


def views_of(sheet: np.ndarray) -> list[np.ndarray]:
    """Cut the upper row [S, S, 4] out of a turntable [rows S, columns S, 4], whose bottom row of pixels is first."""
    side = sheet.shape[0] // TURNTABLE_ROWS
    upper = sheet[-side:]
    return [np.ascontiguousarray(upper[:, at : at + side]) for at in range(0, upper.shape[1] - side + 1, side)]


def _close() -> None:
    global _views, _frame
    if _turning:
        _turning.pop(0)
    if _views is not None:
        bpy.utils.previews.remove(_views)
    _views, _frame = None, 0


HOOKS = ((pump.LISTENERS, look),)


def register() -> None:
    """Animate no jobs that are there already."""
    _seen.update(job.id for job in job_queue.QUEUE.jobs)


def unregister() -> None:
    """Stop the animation."""
    _turning.clear()
    _close()
