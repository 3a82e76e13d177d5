# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel "History": ended jobs of all sessions, with their pictures."""

from datetime import datetime

import bpy

from ...jobs import known_jobs
from ...jobs.job_records import JobRecord, RecordState
from ..job import session_properties
from ..job.job_status import RECORD_ICONS, record_text
from ..job.session_properties import SJC_PG_session
from ..shared import previews
from ..shared.sidebar import Sidebar
from ..shared.wrapped_label import draw_sentences

NAME_SHARE = 0.65
"""Of a line's width."""

TITLE_BUTTONS = 2.5
"""Width in units of the buttons beside the chosen job's name."""

PICTURE = 8.0
"""Height of the chosen job's picture, in units of the interface."""


class SJC_UL_history(session_properties.SearchedByPrompt, bpy.types.UIList):
    """Jobs that have ended, newest first."""

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0) -> None:  # type: ignore[no-untyped-def]
        record = session_properties.record_of(item.name)
        if record is None:
            return
        picture = previews.icon(record.picture) if record.picture is not None else 0
        row = layout.split(factor=NAME_SHARE)
        row.label(text=item.prompt, icon="NONE" if picture else "BLANK1", icon_value=picture, translate=False)
        row.label(
            text=f"{datetime.fromtimestamp(record.created):%d %b}", icon=RECORD_ICONS[record.state], translate=False
        )


class SJC_PT_history(Sidebar, bpy.types.Panel):
    """Jobs that have ended, and what can be done with them."""

    bl_label = "History"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 90

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        session: SJC_PG_session = context.window_manager.sjc
        if not session.history:
            draw_sentences(layout, context, "Looking ..." if known_jobs.scanning() else "No job has ended yet")
            return
        layout.template_list("SJC_UL_history", "", session, "history", session, "history_index", rows=4, maxrows=10)
        record = session_properties.chosen_record(session)
        if record is not None:
            _draw_record(layout.box(), context, record)


def _draw_record(box: bpy.types.UILayout, context: bpy.types.Context, record: JobRecord) -> None:
    folder = str(record.folder.path)
    row = box.row()
    title = row.column(align=True)
    draw_sentences(title, context, record.subject, RECORD_ICONS[record.state], taken=TITLE_BUTTONS)
    row.operator("sjc.open_folder", text="", icon="FILE_FOLDER", emboss=False).folder = folder
    row.operator("sjc.delete_job", text="", icon="TRASH", emboss=False).folder = folder
    if record.trouble is not None:
        draw_sentences(box, context, str(record.trouble))
        return
    session: SJC_PG_session = context.window_manager.sjc
    if session.history_index < session_properties.MOST_PICTURES:
        box.template_icon_view(session, "history_picture", show_labels=True, scale=PICTURE, scale_popup=PICTURE)
    column = box.column(align=True)
    for line in record_text(record):
        draw_sentences(column, context, line)
    buttons = box.column(align=True)
    buttons.operator("sjc.recall", icon="LOOP_BACK").folder = folder
    if record.state is RecordState.DONE:
        buttons.operator("sjc.import_result", text="Import Again", icon="IMPORT").directory = folder
        buttons.operator("sjc.continue_job", text="Continue with More Steps", icon="FF").folder = folder
    elif record.resumable:
        buttons.operator("sjc.resume", text="Resume" if record.step else "Start Again", icon="PLAY").folder = folder
