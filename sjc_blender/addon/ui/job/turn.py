# SPDX-License-Identifier: GPL-3.0-or-later
"""A finished object turns round once in the place of its preview: the views of ``result/turntable.png`` in turn."""

from __future__ import annotations

from typing import Any

import bpy
import bpy.utils.previews
import numpy as np

from ...jobs import job_queue, pump
from ...jobs.job import Job, JobState
from ...results.asset import TURNTABLE_ROWS, read_pixels
from ...window_events import in_a_window, redraw_sidebars
from ..shared import previews

SECONDS = 0.2
"""That a view is shown."""

LAST_SECONDS = 0.6
"""That the front is shown in the end, as at first."""

_seen: set[str] = set()
"""Ids of the jobs whose end was seen; each turns once."""

_turning: list[str] = []
"""Ids of the jobs that are yet to turn, or do so now: the first one."""

_frame = 0
_views: bpy.utils.previews.ImagePreviewCollection | None = None
"""Of the first one in `_turning`, by their numbers."""


def icon(job: Job) -> int:
    """Icon of what a job shows now: the view of its turn, else its newest preview; 0 if there is none."""
    preview = view(job)
    if preview is not None:
        return preview.icon_id
    return previews.icon(job.preview) if job.preview is not None else 0


def view(job: Job) -> bpy.types.ImagePreview | None:
    """The view at which a job is in its turn; None while it does not turn."""
    if not _views or _turning[0] != job.id:
        return None
    preview: bpy.types.ImagePreview = _views[str(_frame % len(_views))]
    return preview


def look() -> None:
    """Let every job turn that is done since this was last called."""
    for job in job_queue.QUEUE.jobs:
        if job.state is JobState.DONE and job.id not in _seen:
            _seen.add(job.id)
            _turning.append(job.id)
    if _turning and not bpy.app.background and not bpy.app.timers.is_registered(_turn):
        bpy.app.timers.register(_turn, first_interval=0.0, persistent=True)


@in_a_window
def _turn() -> float | None:
    """Show the next view of the first in line; after the last one the front again, and then the next in line."""
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
    """Take the pictures of the job that is next; none if it has left, or has no turntable."""
    global _views, _frame
    _frame = 0
    job = next((job for job in job_queue.QUEUE.jobs if job.id == _turning[0]), None)
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


def register() -> None:
    """Look at the jobs whenever they change."""
    _seen.update(job.id for job in job_queue.QUEUE.jobs)
    pump.LISTENERS.append(look)


def unregister() -> None:
    """Stand still."""
    pump.LISTENERS.remove(look)
    if bpy.app.timers.is_registered(_turn):
        bpy.app.timers.unregister(_turn)
    _turning.clear()
    _close()
