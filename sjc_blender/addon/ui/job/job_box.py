# SPDX-License-Identifier: GPL-3.0-or-later
"""One job in the sidebar, in a box of constant height with its buttons in constant places.

A job may change while the user is about to click. So there is room for everything from the start, and unusable buttons
are grey. Only an error longer than the picture makes the box higher.
"""

import bpy

from ....protocol.outside_file import is_file
from ...jobs import job_queue
from ...jobs.job import Job, JobState
from ...rigs import occupied
from ..shared.choices import roomy
from ..shared.wrapped_label import draw_error, draw_sentences, units_wide
from . import turn, variations
from .job_status import (
    ICONS,
    LONGEST_FORECASTS,
    LONGEST_HEADLINES,
    LONGEST_RATES,
    bar_text,
    forecast_text,
    headline,
    rate_text,
    settings_text,
)

PREVIEW_MARGIN = 3.0
LARGEST_PREVIEW = 12.8
"""In units; at the usual scale 256 pixels, which a preview has."""

PREVIEW_BESIDE_LIST = 6.5

TITLE_BUTTONS = 2.5
"""Width in units of the buttons beside the title."""

LONGEST_NAME = 12
"""Letters of a name that fit into half a row of a sidebar of the usual width."""

OPTIMISING = "optimising"
"""Name of the phase that can be paused."""

PAUSABLE = {JobState.RUNNING, JobState.PAUSED}


def draw_job(layout: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> None:
    """Draw a job of this session."""
    box = layout.box()
    _draw_title(box, context, job)
    _draw_controls(box, job)
    column = box.column(align=True)
    draw_sentences(column, context, headline(job), room=LONGEST_HEADLINES)
    column.progress(factor=job.fraction, text=bar_text(job), translate=False)
    draw_sentences(column, context, rate_text(job), room=LONGEST_RATES)
    draw_sentences(column, context, forecast_text(job), room=LONGEST_FORECASTS)
    _draw_ways_on(box, context, job)
    _draw_picture(box, context, job)
    _draw_remarks(box, context, job)


def picture_units(context: bpy.types.Context, *, alone: bool) -> float:
    """Return the side of a picture that fits the region, in units; smaller if there is a list."""
    return max(1.0, min(units_wide(context) - PREVIEW_MARGIN, LARGEST_PREVIEW if alone else PREVIEW_BESIDE_LIST))


def cover_of(context: bpy.types.Context, job: Job) -> bpy.types.Object | None:
    """Return the visible object in the place of the job's result."""
    return occupied.still_there(job.id, context.view_layer) if job.live or job.imported else None


def remarks(context: bpy.types.Context, job: Job) -> list[str]:
    """Return the messages about the job, one sentence each."""
    cover = cover_of(context, job)
    return [*job.warnings, *([f"{cover.name} stands where the result is."] if cover is not None else [])]


def _draw_title(box: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> None:
    row = box.row()
    title = row.column(align=True)
    draw_sentences(title, context, job.spec.subject, ICONS[job.state], taken=TITLE_BUTTONS)
    buttons = row.row(align=True)
    buttons.operator("sjc.open_folder", text="", icon="FILE_FOLDER", emboss=False).folder = str(job.folder.path)
    dismiss = buttons.row(align=True)
    dismiss.enabled = job_queue.QUEUE.may_go(job)
    dismiss.operator("sjc.clear_jobs", text="", icon="X", emboss=False).job = job.id
    draw_sentences(box, context, settings_text(job))


def _draw_controls(box: bpy.types.UILayout, job: Job) -> None:
    """Draw pause, cancel and stop, each in its own place, so that a second click does nothing else."""
    row = box.row(align=True)
    pause = row.row(align=True)
    # The other phases are short, and have no steps.
    pause.enabled = job.state in PAUSABLE and job.phase == OPTIMISING
    if job.pausing:
        pause.operator("sjc.unpause", icon="PLAY").job = job.id
    else:
        pause.operator("sjc.pause", icon="PAUSE").job = job.id
    for text, now, possible in (
        ("Cancel", False, job.live and job.state is not JobState.CANCELLING),
        ("Stop Now", True, job.state is JobState.CANCELLING),
    ):
        button = row.row(align=True)
        button.enabled = possible
        stop = button.operator("sjc.cancel", text=text)
        stop.job, stop.now = job.id, now


def _draw_ways_on(box: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> None:
    folder = str(job.folder.path)
    row = box.row(align=True)
    row.prop(context.window_manager.sjc, "live_volume", text="Live", toggle=True)
    row.prop(context.window_manager.sjc, "colours", text="", toggle=True, icon="COLOR")
    show = row.row(align=True)
    show.enabled = bool(job.imported)
    show.operator("sjc.show_result").job = job.id
    if job.state is JobState.DONE and not job.imported:
        button = row.row(align=True)
        button.enabled = not job.awaits_import
        button.operator("sjc.import_result", text="Import", icon=roomy(context, "IMPORT")).directory = folder
        return
    button = row.row(align=True)
    button.enabled = job.state in {JobState.FAILED, JobState.CANCELLED} and is_file(job.folder.checkpoint)
    button.operator("sjc.resume", icon=roomy(context, "PLAY")).folder = folder


def _draw_picture(box: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> None:
    """Draw the newest preview, or the error, in the room of a picture."""
    height = picture_units(context, alone=len(job_queue.QUEUE.jobs) == 1)
    error = job.trouble
    if error is None:
        begun_together = variations.set_of(job)
        if len(begun_together) > 1:
            variations.draw_set(box, begun_together, units_wide(context) - PREVIEW_MARGIN)
            return
        box.template_icon(icon_value=turn.icon(job), scale=height)
        return
    column = box.column(align=True)
    height -= draw_error(column, context, error)
    if height > 0:
        column.template_icon(icon_value=0, scale=height)


def _draw_remarks(box: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> None:
    """Draw the messages, and the button that hides an object in the way."""
    row = box.row(align=True)
    count = len(remarks(context, job))
    told = row.row(align=True)
    told.enabled = count > 0
    text = "1 Remark" if count == 1 else f"{count} Remarks" if count else "No Remarks"
    told.popover("SJC_PT_remarks", text=text, icon=roomy(context, "INFO"), translate=False)
    cover = cover_of(context, job)
    hide = row.row(align=True)
    hide.enabled = cover is not None
    name = cover.name if cover is not None else ""
    hide.operator("sjc.hide_cover", text=hide_text(name), icon="HIDE_ON", translate=False).name = name


def hide_text(name: str) -> str:
    """Label of half a row's button that hides an object, which a sentence beside it names; of none, what it does."""
    if len(name) > LONGEST_NAME:
        return "Hide It"
    return f"Hide {name}".rstrip()
