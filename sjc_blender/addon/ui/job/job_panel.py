# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs of this session in the sidebar, and interrupted jobs of earlier ones."""

import bpy

from ...jobs import job_queue, known_jobs
from ...jobs.job import Job
from ...jobs.job_records import JobRecord
from ..shared.wrapped_label import draw_sentences
from . import session_properties
from .job_box import draw_job, remarks
from .job_status import ICONS, line_text, offer_text, place_text, record_settings
from .session_properties import SJC_PG_session, chosen_job

MOST_OFFERS = 3
ROWS = 3
"""Rows of the list, constant so that nothing moves under the mouse."""

NAME_SHARE = 0.58
"""Of a line's width."""

POPOVER_UNITS = 16


def shown_job(session: SJC_PG_session) -> Job | None:
    """Return the job chosen in the list; without a list the running one, else the newest."""
    jobs = job_queue.QUEUE.jobs
    return chosen_job(session) or job_queue.QUEUE.active or (jobs[-1] if jobs else None)


def draw_jobs(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw the queue, if there are several jobs, and the chosen job."""
    session: SJC_PG_session = context.window_manager.sjc
    if len(job_queue.QUEUE.jobs) > 1:
        _draw_line(layout, session)
    shown = shown_job(session)
    if shown is not None:
        draw_job(layout, context, shown)


class SJC_UL_jobs(session_properties.SearchedByPrompt, bpy.types.UIList):
    """Jobs of this session: those in line, the next one lowest, above the one that runs; below it those that ended."""

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0) -> None:  # type: ignore[no-untyped-def]
        job = job_queue.QUEUE.find(item.name)
        if job is None:
            return
        jobs = job_queue.QUEUE.jobs
        row = layout.split(factor=NAME_SHARE)
        row.label(text=item.prompt, icon=ICONS[job.state], translate=False)
        rest = row.row()
        rest.label(text=line_text(job, jobs), translate=False)
        where = place_text(job, jobs)
        if where:
            place = rest.row()
            place.alignment = "RIGHT"
            place.label(text=where, translate=False)


def _draw_line(layout: bpy.types.UILayout, session: SJC_PG_session) -> None:
    row = layout.row()
    row.template_list("SJC_UL_jobs", "", session, "jobs", session, "job_index", rows=ROWS, maxrows=ROWS)
    column = row.column(align=True)
    moves = column.column(align=True)
    # The list has the last in line on top.
    for places, icon in ((1, "TRIA_UP"), (-1, "TRIA_DOWN")):
        moves.operator("sjc.move_job", text="", icon=icon).places = places
    column.separator()
    ends = column.column(align=True)
    ends.operator("sjc.cancel_chosen", text="", icon="X")
    ends.operator("sjc.clear_jobs", text="", icon="TRASH")


def draw_offers(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw the interrupted jobs of earlier sessions."""
    offers = known_jobs.offers()
    for record in offers[:MOST_OFFERS]:
        _draw_offer(layout, context, record)
    if len(offers) > MOST_OFFERS:
        draw_sentences(layout, context, f"{len(offers) - MOST_OFFERS} more were interrupted")
    if len(offers) > 1:
        row = layout.row(align=True)
        row.operator("sjc.resume_all", text=f"Resume All {len(offers)}", icon="PLAY")
        row.operator("sjc.discard_all", text="Discard All", icon="TRASH")


def _draw_offer(layout: bpy.types.UILayout, context: bpy.types.Context, record: JobRecord) -> None:
    box = layout.box()
    draw_sentences(box, context, record.subject, "RECOVER_LAST")
    draw_sentences(box, context, record_settings(record), "BLANK1")
    draw_sentences(box, context, offer_text(record), "BLANK1")
    row = box.row(align=True)
    begin = "Resume" if record.step else "Start"
    row.operator("sjc.resume", text=begin, icon="PLAY").folder = str(record.folder.path)
    row.operator("sjc.delete_job", text="Discard", icon="TRASH").folder = str(record.folder.path)


class SJC_PT_remarks(bpy.types.Panel):
    """Messages about this job."""

    bl_label = "Remarks"
    bl_space_type = "VIEW_3D"
    bl_region_type = "HEADER"
    bl_ui_units_x = POPOVER_UNITS

    def draw(self, context: bpy.types.Context) -> None:
        shown = shown_job(context.window_manager.sjc)
        for remark in remarks(context, shown) if shown is not None else []:
            draw_sentences(self.layout, context, remark, "INFO", width=POPOVER_UNITS)
