# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for jobs of the history."""

from pathlib import Path

import bpy
from bpy.props import IntProperty

from ....protocol.shown import shown
from ... import api
from ...jobs.job_records import read_record
from ..job.job_operators import OfFolder
from ..job.job_status import record_settings
from ..shared.action import Action, confirm, engine_is_ready
from ..shared.unknown_job_question import REASON, AsksAboutUnknownJobs
from ..shared.wrapped_label import draw_sentences

NAMED_FILES = 5
"""Most file names listed that are left in a deleted job's folder."""


class SJC_OT_recall(AsksAboutUnknownJobs, OfFolder, Action, bpy.types.Operator):
    """Set everything in this tab as it was for this job"""

    bl_idname = "sjc.recall"
    bl_label = "Recall Settings"
    bl_options = {"UNDO", "INTERNAL"}

    def act(self, context: bpy.types.Context) -> None:
        self.settle(self.folder)
        missed = api.recall(self.folder, scene=context.scene)
        if missed:
            self.report({"WARNING"}, "Recalled, but for " + "; ".join(missed))
        else:
            self.report({"INFO"}, f"The settings are those of {context.scene.sjc.prompt or Path(self.folder).name}")


class SJC_OT_continue_job(AsksAboutUnknownJobs, OfFolder, Action, bpy.types.Operator):
    """Start a new job where this one ended; the old result is kept"""

    bl_idname = "sjc.continue_job"
    bl_label = "Continue with More Steps"
    needs = (engine_is_ready,)

    steps: IntProperty(name="More Steps", description="How many steps to add", default=500, min=1, soft_max=10_000)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.agreed = bool(self.doubt(self.folder))
        return set(context.window_manager.invoke_props_dialog(self, translate=False))

    def draw(self, context: bpy.types.Context) -> None:
        if self.agreed:
            draw_sentences(self.layout, context, f"{REASON}. Its model will be loaded.", "ERROR")
        self.layout.prop(self, "steps")

    def act(self, context: bpy.types.Context) -> None:
        self.settle(self.folder)
        api.continue_job(self.folder, self.steps, scene=context.scene)


class SJC_OT_delete_job(OfFolder, Action, bpy.types.Operator):
    """Delete the job's folder with its checkpoint and results; objects in the scene are kept"""

    bl_idname = "sjc.delete_job"
    bl_label = "Delete This Job"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        record = read_record(Path(self.folder))
        named = f"{record.subject} ({record_settings(record)})" if record is not None else self.folder
        return confirm(
            self,
            context,
            event,
            "Delete this job?",
            f"{named}\nIts checkpoint and its results on the disk go for good.",
            "Delete",
            warning=True,
        )

    def act(self, context: bpy.types.Context) -> None:
        left = api.delete_job(self.folder)
        if left:
            names = ", ".join(map(shown, left[:NAMED_FILES])) + (" ..." if len(left) > NAMED_FILES else "")
            self.report({"INFO"}, f"Deleted. {len(left)} files that the job did not make are left in it: {names}")
