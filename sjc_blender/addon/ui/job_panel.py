"""The jobs of this session in the sidebar: what runs, what waits in line, what an earlier session left."""

import bpy
from bpy.app.translations import pgettext_iface

from ..jobs import job_queue, known_jobs
from ..jobs.job_history import JobRecord
from ..jobs.job_queue import Job, JobState
from ..rigs import domain_cover
from . import operators, previews, session_properties
from .job_status import ICONS, bar_text, forecast_text, headline, offer_text, rate_text, trouble
from .session_properties import SJC_PG_session
from .wrapped_label import draw_sentences

UNIT = 20
"""Pixels of one unit of the interface, before its scale."""

PREVIEW_MARGIN = 3.0
LARGEST_PREVIEW = 14.0
"""In units."""

MOST_OFFERS = 3
OPTIMISING = "optimising"
"""Name of the phase that can be paused."""


def active_job() -> Job | None:
    """The job that runs, or holds still, or is about to stop."""
    states = {JobState.RUNNING, JobState.PAUSED, JobState.CANCELLING}
    return next((job for job in job_queue.QUEUE.jobs if job.state in states), None)


def draw_jobs(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw the job that runs, else the one that ended last; the line, if there is one; what is offered."""
    jobs = job_queue.QUEUE.jobs
    ended = [job for job in jobs if not job.live]
    shown = active_job() or (ended[-1] if ended else None)
    if shown is not None:
        _draw_job(layout, context, shown)
    if len(jobs) > 1:
        _draw_line(layout, context.window_manager.sjc)
    offers = known_jobs.offers()
    for record in offers[:MOST_OFFERS]:
        _draw_offer(layout, context, record)
    if len(offers) > MOST_OFFERS:
        layout.label(text=f"{len(offers) - MOST_OFFERS} more were interrupted")
    if len(offers) > 1:
        layout.operator("sjc.resume_all", text=f"Resume All {len(offers)}", icon="PLAY")


class SJC_UL_jobs(bpy.types.UIList):
    """Jobs of this session, in the order in which they run."""

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0) -> None:  # type: ignore[no-untyped-def]
        """Draw one line."""
        job = next((job for job in reversed(job_queue.QUEUE.jobs) if job.id == item.name), None)
        if job is None:
            return
        layout.label(text=item.prompt, icon=ICONS[job.state], translate=False)
        if job is active_job():
            share = layout.row()
            share.alignment = "RIGHT"
            share.label(text=f"{job.fraction:.0%}")

    def filter_items(self, context, data, propname):  # type: ignore[no-untyped-def]
        """Search prompts."""
        return session_properties.filtered(self, getattr(data, propname))


def _draw_line(layout: bpy.types.UILayout, session: SJC_PG_session) -> None:
    row = layout.row()
    row.template_list("SJC_UL_jobs", "", session, "jobs", session, "job_index", rows=3, maxrows=8)
    column = row.column(align=True)
    moves = column.column(align=True)
    for places, icon in ((-1, "TRIA_UP"), (1, "TRIA_DOWN")):
        moves.operator("sjc.move_job", text="", icon=icon).places = places
    column.separator()
    ends = column.column(align=True)
    ends.operator("sjc.cancel_chosen", text="", icon="X")
    ends.operator("sjc.clear_jobs", text="", icon="TRASH")


def _draw_offer(layout: bpy.types.UILayout, context: bpy.types.Context, record: JobRecord) -> None:
    box = layout.box()
    box.label(text=record.subject, icon="RECOVER_LAST", translate=False)
    draw_sentences(box, context, offer_text(record))
    row = box.row(align=True)
    begin = "Resume" if record.step else "Start"
    row.operator("sjc.resume", text=begin, icon="PLAY").folder = str(record.folder.path)
    row.operator("sjc.delete_job", text="Discard", icon="TRASH").folder = str(record.folder.path)


def _draw_job(layout: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> None:
    box = layout.box()
    row = box.row()
    row.label(text=job.spec.subject, icon=ICONS[job.state], translate=False)
    row.operator("sjc.open_folder", text="", icon="FILE_FOLDER", emboss=False).folder = str(job.folder.path)
    if not job.live:
        row.operator("sjc.clear_jobs", text="", icon="X", emboss=False)
    column = box.column(align=True)
    column.label(text=headline(job))
    if job.live:
        _draw_progress(column, context, job)
    _draw_trouble(box, context, job)
    _draw_cover(box, context, job)
    _draw_preview(box, context, job)
    _draw_ways_on(box, job)
    for warning in job.warnings:
        draw_sentences(box, context, warning, "INFO")


def _draw_progress(column: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> None:
    if job.progress is not None:
        column.progress(factor=job.fraction, text=bar_text(job))
        if rate_text(job):
            column.label(text=rate_text(job))
    if forecast_text(job):
        column.label(text=forecast_text(job))
    buttons = column.row(align=True)
    if job.pausing:
        buttons.operator("sjc.unpause", icon="PLAY").job = job.id
    elif job.state is JobState.RUNNING and job.phase == OPTIMISING:  # the other phases are short, and have no steps
        buttons.operator("sjc.pause", icon="PAUSE").job = job.id
    stopping = job.state is JobState.CANCELLING
    stop = buttons.operator("sjc.cancel", text="Stop Now" if stopping else "Cancel", icon="X")
    stop.job, stop.now = job.id, stopping
    column.prop(context.window_manager.sjc, "live_volume", toggle=True, icon="OUTLINER_OB_VOLUME")


def _draw_preview(box: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> None:
    icon = previews.icon(job.preview) if job.preview is not None else 0
    if icon:
        units = context.region.width / context.preferences.system.ui_scale / UNIT
        box.template_icon(icon_value=icon, scale=min(units - PREVIEW_MARGIN, LARGEST_PREVIEW))


def _draw_trouble(box: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> None:
    error = trouble(job)
    if error is not None:
        column = box.column()
        column.alert = True
        draw_sentences(column, context, error.message, "ERROR")
        if error.hint:
            draw_sentences(box, context, error.hint, "INFO")


def _draw_cover(box: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> None:
    """Say what hides the result, and offer to hide that instead."""
    cover = context.view_layer.objects.get(operators.covers.get(job.id, ""))
    if cover is None or not domain_cover.hides(cover, context.view_layer) or not (job.live or job.imported):
        return
    draw_sentences(box, context, f"{cover.name} stands around the result and hides it.", "INFO")
    text = pgettext_iface("Hide {name}").format(name=cover.name)
    box.operator("sjc.hide_cover", text=text, icon="HIDE_ON", translate=False).name = cover.name


def _draw_ways_on(box: bpy.types.UILayout, job: Job) -> None:
    folder = str(job.folder.path)
    if job.state is JobState.DONE and not job.imported and not job.awaits_import:
        box.operator("sjc.import_result", text="Import", icon="IMPORT").directory = folder
    if job.state in {JobState.FAILED, JobState.CANCELLED} and job.folder.checkpoint.is_file():
        box.operator("sjc.resume", icon="PLAY").folder = folder


def register() -> None:
    """Make the list known."""
    previews.register()
    bpy.utils.register_class(SJC_UL_jobs)


def unregister() -> None:
    """Take it away, and free the pictures."""
    bpy.utils.unregister_class(SJC_UL_jobs)
    previews.unregister()
