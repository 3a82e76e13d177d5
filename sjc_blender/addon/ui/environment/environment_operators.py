# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for the engine's environment: set up, cancel, remove, check, and open the log."""

import bpy

from .... import __package__ as base_package
from ....protocol.errors import SjcError
from ....protocol.plain_files import read_tail
from ... import api
from ...environment import session
from ...environment.fault_report import LOG_BYTES
from ..shared.action import Action, confirm, possible


class SJC_OT_set_up_engine(Action, bpy.types.Operator):
    """Download and install what the engine needs into its own folder; you can go on working"""

    bl_idname = "sjc.set_up_engine"
    bl_label = "Set Up Engine"
    bl_options = set()  # found by Blender's search

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        try:
            session.require_packages()
        except SjcError as error:
            return possible(cls, False, str(error))
        return True

    def act(self, context: bpy.types.Context) -> None:
        api.set_up_engine()


class SJC_OT_cancel_setup(Action, bpy.types.Operator):
    """Stop the set-up; downloaded files are kept, and the next set-up continues from there"""

    bl_idname = "sjc.cancel_setup"
    bl_label = "Cancel"

    def act(self, context: bpy.types.Context) -> None:
        api.cancel_setup()


class SJC_OT_remove_engine(Action, bpy.types.Operator):
    """Delete the engine's environment from the disk; models, jobs and results are kept"""

    bl_idname = "sjc.remove_engine"
    bl_label = "Remove the Engine"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        message = "Models, jobs and results stay. The engine can be set up again."
        return confirm(self, context, event, "Remove the Engine?", message, "Remove", warning=True)

    def act(self, context: bpy.types.Context) -> None:
        api.remove_engine()


class SJC_OT_check_engine(Action, bpy.types.Operator):
    """Check the engine: packages, graphics card, memory, speed"""

    bl_idname = "sjc.check_engine"
    bl_label = "Check the Engine"
    bl_options = set()  # found by Blender's search

    def act(self, context: bpy.types.Context) -> None:
        api.check_engine()


class SJC_OT_open_setup_log(Action, bpy.types.Operator):
    """Open the log of the last set-up"""

    bl_idname = "sjc.open_setup_log"
    bl_label = "Open Log"

    def execute(self, context: bpy.types.Context) -> set[str]:
        bpy.ops.wm.path_open(filepath=str(api.engine_state().place.log))
        return {"FINISHED"}


class SJC_OT_copy_setup_log(Action, bpy.types.Operator):
    """Copy the log of the last set-up to the clipboard"""

    bl_idname = "sjc.copy_setup_log"
    bl_label = "Copy Log"

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            log = api.engine_state().place.log
            context.window_manager.clipboard = read_tail(log.parent, log, LOG_BYTES).decode("utf-8", "replace")
        except (OSError, SjcError) as error:
            self.report({"ERROR"}, f"The log cannot be read: {error}")
            return {"CANCELLED"}
        self.report({"INFO"}, "The log is on the clipboard.")
        return {"FINISHED"}


class SJC_OT_show_preferences(Action, bpy.types.Operator):
    """Show this add-on's preferences"""

    bl_idname = "sjc.show_preferences"
    bl_label = "Preferences"

    def execute(self, context: bpy.types.Context) -> set[str]:
        bpy.ops.preferences.addon_show(module=base_package)
        return {"FINISHED"}
