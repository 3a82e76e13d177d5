# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine in the sidebar and the preferences: problems, the set-up, and the findings of a check."""

import bpy

from ....protocol.amounts import gigabytes
from ....protocol.errors import SjcError
from ....protocol.outside_file import is_file
from ... import api
from ...environment import session
from ...environment.disk_space import CPU_BYTES, GPU_BYTES
from ...environment.engine_keeper import EngineState, Status
from ..shared.sidebar import SubPanel
from ..shared.wrapped_label import draw_error, draw_sentences

NOT_SET_UP = {"engine_python_not_set", "engine_incomplete"}
"""Errors that mean that the engine was not set up yet."""

WHAT_COMES = (
    "It runs the model outside Blender. One click fetches it: about "
    f"{gigabytes(CPU_BYTES)}, with a graphics card for it up to {gigabytes(GPU_BYTES)}."
)

TITLES = {
    Status.SETTING_UP: "The engine is being set up",
    Status.CANCELLING: "The set-up is being stopped",
    Status.REMOVING: "The engine is being removed",
}


def draw_missing_engine(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw what has to be done before a job can start; nothing if the engine is ready."""
    state = api.engine_state()
    if state.changing:
        _draw_setup(layout.box(), context, state)
    elif state.status is Status.MISSING:
        _draw_missing(layout.box(), context, state)
    elif state.outdated:
        box = layout.box()
        draw_sentences(box, context, "The engine is of another release", "INFO")
        _draw_failure(box, context, state)
        _draw_button(box, "Update Engine")


def draw_engine(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw the state of the engine, and its actions."""
    state = api.engine_state()
    if state.status is Status.UNKNOWN:
        draw_sentences(layout, context, "Looking for the engine", "VIEWZOOM")
        return
    draw_missing_engine(layout, context)
    if state.changing:
        return
    if state.status is Status.READY:
        _draw_ready(layout, context, state)
    failed = _failure(state) is not None
    row = layout.row(align=True)
    row.operator("sjc.check_engine", text="Check", icon="CHECKMARK")
    if state.size:
        row.operator("sjc.set_up_engine", text="Repair", icon="TOOL_SETTINGS")
    if state.started:
        row.operator("sjc.remove_engine", text="Remove", icon="TRASH")
    if is_file(state.place.log) and not failed:  # the buttons are beside the error
        _draw_log(layout)
    layout.operator("sjc.copy_report", icon="COPYDOWN")
    _draw_diagnosis(layout, context)


def _draw_ready(layout: bpy.types.UILayout, context: bpy.types.Context, state: EngineState) -> None:
    if not state.outdated:
        draw_sentences(layout, context, "The engine is ready", "CHECKMARK")
        _draw_failure(layout, context, state)
    size = f" ({gigabytes(state.size)})" if state.source == "environment" and state.size else ""
    draw_sentences(layout, context, f"{state.interpreter}{size}", "BLANK1")


def _draw_missing(box: bpy.types.UILayout, context: bpy.types.Context, state: EngineState) -> None:
    problem = state.problem
    assert problem is not None
    if problem.code in NOT_SET_UP:
        title = "The engine is not set up yet" if not state.started else "The set-up was not completed"
        draw_sentences(box, context, title, "INFO")
        if state.failure is None:
            draw_sentences(box, context, WHAT_COMES)
    else:
        column = box.column()
        column.alert = True
        draw_sentences(column, context, "The engine cannot be used", "ERROR")
        draw_sentences(box, context, problem.message)
    _draw_failure(box, context, state)
    _draw_online_access(box, context)
    own = problem.code not in NOT_SET_UP and not state.size
    if own:
        draw_sentences(box, context, "Another Python can be chosen in the preferences, or none.", "INFO")
    else:
        stopped = state.started and not state.size and state.failure is None
        _draw_button(box, "Resume Set-Up" if stopped else "Set Up Engine")
    if context.area.type != "PREFERENCES":
        box.operator("sjc.show_preferences", icon="PREFERENCES", emboss=own)


def _draw_online_access(box: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw how to allow online access, if the set-up needs it."""
    try:
        session.require_packages()
    except SjcError as error:
        switch = error.code == "offline" and not bpy.app.online_access_override
        # In the preferences the switch is visible already.
        draw_sentences(box, context, error.message if switch else str(error), "INTERNET_OFFLINE")
        if switch:
            box.prop(context.preferences.system, "use_online_access", text="Allow Online Access")


def _draw_button(box: bpy.types.UILayout, text: str) -> None:
    button = box.row()
    button.scale_y = 1.6
    button.operator("sjc.set_up_engine", text=text, icon="IMPORT")


def _draw_setup(box: bpy.types.UILayout, context: bpy.types.Context, state: EngineState) -> None:
    draw_sentences(box, context, TITLES[state.status], "SORTTIME")
    if state.status is Status.SETTING_UP:  # above what changes: it stays where it is
        box.operator("sjc.cancel_setup", icon="X")
    stage = state.stage
    if stage is not None and stage.count > 1:
        column = box.column(align=True)
        column.progress(factor=stage.fraction, text=f"Step {stage.number} of {stage.count}", translate=False)
        draw_sentences(column, context, stage.name)
        if stage.total:
            draw_sentences(column, context, f"{gigabytes(stage.done)} of about {gigabytes(stage.total)}")
        if stage.detail:
            draw_sentences(column, context, stage.detail)


def _failure(state: EngineState) -> SjcError | None:
    """Return why the last set-up failed; None if another Python is used."""
    return None if state.status is Status.READY and state.source != "environment" else state.failure


def _draw_failure(layout: bpy.types.UILayout, context: bpy.types.Context, state: EngineState) -> None:
    failure = _failure(state)
    if failure is None:
        return
    draw_error(layout, context, failure)
    _draw_log(layout)


def _draw_log(layout: bpy.types.UILayout) -> None:
    row = layout.row(align=True)
    row.operator("sjc.open_setup_log", icon="TEXT")
    row.operator("sjc.copy_setup_log", icon="COPYDOWN")


def _draw_diagnosis(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    if session.checking():
        draw_sentences(layout, context, "The engine checks itself", "SORTTIME")
    found = session.CHECK.diagnosis
    if found is None:
        return
    box = layout.box()
    for finding in found.findings:
        column = box.column()
        column.alert = not finding.works
        draw_sentences(column, context, f"{finding.subject}: {finding.text}", "CHECKMARK" if finding.works else "ERROR")
        if finding.fix:
            draw_sentences(box, context, finding.fix, "BLANK1")


class SJC_PT_engine(SubPanel, bpy.types.Panel):
    """Whether the engine is there, and what to do with it."""

    bl_label = "Engine"
    bl_order = 100

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return api.engine_state().status is Status.READY

    def draw(self, context: bpy.types.Context) -> None:
        draw_engine(self.layout, context)
