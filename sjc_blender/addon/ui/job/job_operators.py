# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for jobs of this session."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from ....protocol.outside_file import is_folder
from ... import api
from ...jobs import job_queue, known_jobs
from ...jobs.job import Job, JobState
from ..shared.action import Action, confirm, engine_is_ready, in_object_mode, possible
from ..shared.unknown_job_question import AsksAboutUnknownJobs
from .job_status import record_settings, settings_text
from .session_properties import chosen_job

MOST_NAMED = 6
"""Most jobs named in a question."""


def _chosen(context: bpy.types.Context) -> Job:
    chosen = chosen_job(context.window_manager.sjc)
    assert chosen is not None, "poll has looked"
    return chosen


class OfJob:
    """A mix-in for operators of a job of this session."""

    job: StringProperty(name="Job", description="Id of the job", options={"HIDDEN"})


class OfFolder:
    """A mix-in for operators of any job, by its folder."""

    folder: StringProperty(name="Folder", description="The job's folder", options={"HIDDEN"})


class SJC_OT_cancel(OfJob, Action, bpy.types.Operator):
    """Stop the job after its current step; it can be resumed from there"""

    bl_idname = "sjc.cancel"
    bl_label = "Cancel"

    now: BoolProperty(name="Now", description="Do not wait for the current step", options={"HIDDEN"})
    ask: BoolProperty(name="Ask", description="Name the job first", options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        if properties.now:
            return "End the engine at once, in the middle of its step; the last checkpoint stays"
        return "Stop the job after its current step; it can be resumed from there"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask first where the button is none of the job's own: another one may run by now."""
        if not self.ask:
            return self.execute(context)
        job = job_queue.QUEUE.find(self.job)
        if job is None:
            return {"CANCELLED"}
        message = f"{job.spec.subject} ({settings_text(job)}) stops, and can be resumed."
        return confirm(self, context, event, "Cancel this job?", message, "Cancel the Job")

    def act(self, context: bpy.types.Context) -> None:
        api.cancel(self.job, now=self.now)


class SJC_OT_cancel_chosen(Action, bpy.types.Operator):
    """Cancel the selected job; a running job stops after its current step and can be resumed from there"""

    bl_idname = "sjc.cancel_chosen"
    bl_label = "Cancel Chosen Job"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        chosen = chosen_job(context.window_manager.sjc)
        return possible(cls, chosen is not None and chosen.live, "Choose a job that runs or waits in line")

    def act(self, context: bpy.types.Context) -> None:
        api.cancel(_chosen(context))


class SJC_OT_pause(OfJob, Action, bpy.types.Operator):
    """Pause the job after its current step; it keeps its memory, and waiting jobs keep waiting"""

    bl_idname = "sjc.pause"
    bl_label = "Pause"

    def act(self, context: bpy.types.Context) -> None:
        api.pause(self.job)


class SJC_OT_unpause(OfJob, Action, bpy.types.Operator):
    """Continue the paused job"""

    bl_idname = "sjc.unpause"
    bl_label = "Go On"

    def act(self, context: bpy.types.Context) -> None:
        api.unpause(self.job)


class SJC_OT_move_job(Action, bpy.types.Operator):
    """Move the selected job in the queue; only waiting jobs can be moved"""

    bl_idname = "sjc.move_job"
    bl_label = "Move Job"

    places: IntProperty(name="Places", description="How far; negative: to an earlier place", options={"HIDDEN"})

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return "Let the chosen job run later" if properties.places > 0 else "Let the chosen job run sooner"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        chosen = chosen_job(context.window_manager.sjc)
        waits = chosen is not None and chosen.state is JobState.QUEUED
        return possible(cls, waits, "Choose a job that waits in line")

    def act(self, context: bpy.types.Context) -> None:
        api.move(_chosen(context), self.places)


class SJC_OT_clear_jobs(Action, bpy.types.Operator):
    """Remove ended jobs from this list; they stay in the history"""

    bl_idname = "sjc.clear_jobs"
    bl_label = "Clear Ended Jobs"

    job: StringProperty(name="Job", description="Id of the only job to remove", options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        which = "this job" if properties.job else "the jobs that have ended"
        return f"Take {which} off the list; what was made, and the history, stay"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return possible(cls, not all(job.live for job in api.jobs()), "No job of this list has ended")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self.job:
            return self.execute(context)
        count = sum(not job.live for job in api.jobs())
        ended = f"{count} jobs have ended. Their" if count > 1 else "One job has ended. Its"
        message = f"{ended} files and the history stay."
        return confirm(self, context, event, "Clear the list?", message, "Clear")

    def act(self, context: bpy.types.Context) -> None:
        api.clear(self.job or None)


def _resume(folder: str | Path, context: bpy.types.Context) -> None:
    api.resume(folder, scene=context.scene, farm=context.scene.sjc.farm)


class SJC_OT_resume(AsksAboutUnknownJobs, OfFolder, Action, bpy.types.Operator):
    """Continue this job from its last checkpoint; its result is imported into the active scene"""

    bl_idname = "sjc.resume"
    bl_label = "Resume"
    needs = (engine_is_ready,)

    def act(self, context: bpy.types.Context) -> None:
        self.settle(self.folder)
        _resume(self.folder, context)


class SJC_OT_resume_all(Action, bpy.types.Operator):
    """Continue all interrupted jobs, one after the other; their results are imported into the active scene"""

    bl_idname = "sjc.resume_all"
    bl_label = "Resume All"
    needs = (engine_is_ready,)

    def act(self, context: bpy.types.Context) -> None:
        for record in reversed(known_jobs.offers()):
            _resume(record.folder.path, context)


class SJC_OT_discard_all(Action, bpy.types.Operator):
    """Delete all interrupted jobs with their checkpoints, after asking"""

    bl_idname = "sjc.discard_all"
    bl_label = "Discard All"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        offers = known_jobs.offers()
        names = [f"{record.subject} ({record_settings(record)})" for record in offers]
        more = [f"and {len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []
        return confirm(
            self,
            context,
            event,
            f"Delete {len(offers)} interrupted jobs?",
            "\n".join([*names[:MOST_NAMED], *more, "Their checkpoints go for good."]),
            "Delete",
            warning=True,
        )

    def act(self, context: bpy.types.Context) -> None:
        for record in known_jobs.offers():
            api.delete_job(record)


class SJC_OT_show_result(OfJob, Action, bpy.types.Operator):
    """Select the result of this job and frame it in the viewport"""

    bl_idname = "sjc.show_result"
    bl_label = "Show"
    bl_options = {"INTERNAL", "UNDO"}
    needs = (in_object_mode,)

    def act(self, context: bpy.types.Context) -> None:
        api.show(self.job)


def browsable(folder: Path) -> Path:
    """Return the folder to open in the system's file browser, so that the system does not start it as a program.

    macOS starts a folder whose name ends in .app as a program, and opens others that have an ending with one. No job's
    folder that we have named has an ending; of one that has, the first folder around it without one is shown.
    """
    return next((path for path in (folder, *folder.parents) if not path.suffix), folder)


class SJC_OT_open_folder(OfFolder, Action, bpy.types.Operator):
    """Show the job's folder, with its log, previews and results, in the system's file browser"""

    bl_idname = "sjc.open_folder"
    bl_label = "Open Job Folder"

    def execute(self, context: bpy.types.Context) -> set[str]:
        if not is_folder(Path(self.folder)):
            self.report({"ERROR"}, f"{self.folder} is not there any more.")
            return {"CANCELLED"}
        bpy.ops.wm.path_open(filepath=str(browsable(Path(self.folder))))
        return {"FINISHED"}
