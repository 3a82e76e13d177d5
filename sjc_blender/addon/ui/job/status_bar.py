# SPDX-License-Identifier: GPL-3.0-or-later
"""The running job in Blender's status bar, visible in every workspace."""

import bpy

from ...jobs import job_queue, pump
from ...jobs.job import JobState
from ...window_events import redraw_status_bars
from .job_box import OPTIMISING
from .job_status import bar_text, headline, rate_text

WIDTH = 9.0
"""Of the bar, in units of the interface."""


def _draw(header: bpy.types.Header, _context: bpy.types.Context) -> None:
    job = job_queue.QUEUE.active
    if job is None:
        return
    row = header.layout.row(align=True)
    row.label(text=job.spec.subject, icon="SHADERFX", translate=False)
    if job.progress is None:
        row.label(text=headline(job), translate=False)
    else:
        bar = row.row()
        bar.ui_units_x = WIDTH
        bar.progress(factor=job.fraction, text=bar_text(job), translate=False)
        at_work = job.state is JobState.RUNNING and not job.pausing and job.phase == OPTIMISING
        row.label(text=rate_text(job) if at_work else headline(job), translate=False)
    waiting = sum(other.state is JobState.QUEUED for other in job_queue.QUEUE.jobs)
    if waiting:
        row.label(text=f"{waiting} in line", icon="TIME", translate=False)
    stop = row.operator("sjc.cancel", text="", icon="X", emboss=False)
    stop.job, stop.now, stop.ask = job.id, job.state is JobState.CANCELLING, True


HOOKS = ((bpy.types.STATUSBAR_HT_header, _draw), (pump.LISTENERS, redraw_status_bars))
