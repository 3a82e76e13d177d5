# SPDX-License-Identifier: GPL-3.0-or-later
"""Notices about ended jobs and set-ups: reports in the status bar and the Info editor.

A timer has no operator that could report, and what is reported by an operator that Python calls is not shown. So an
operator is invoked that waits for its own timer event, which Blender sends it.
"""

from __future__ import annotations

import weakref
from typing import Literal

import bpy
from bpy.props import EnumProperty, StringProperty

from ...protocol.errors import SjcError
from ..environment import session
from ..environment.engine_keeper import Status
from ..jobs import job_queue, pump
from ..jobs.job import Job, JobState
from ..results import background_work
from ..results.bake_texture import KEY
from . import sound
from .shared.action import Action

Level = Literal["INFO", "WARNING"]

_told: weakref.WeakSet[Job] = weakref.WeakSet()
"""Jobs whose end was reported."""

_setting_up = False
"""Whether the engine was being set up at the last check."""


class SJC_OT_tell(Action, bpy.types.Operator):
    """Say that something is done"""  # noqa: D400 - a tooltip

    bl_idname = "sjc.tell"
    bl_label = "SJC"

    message: StringProperty(name="Message", description="What is said", options={"HIDDEN", "SKIP_SAVE"})
    level: EnumProperty(
        name="Level",
        description="How it is said",
        items=[("INFO", "Info", "News"), ("WARNING", "Warning", "Trouble")],
        options={"HIDDEN", "SKIP_SAVE"},
    )

    _timer: bpy.types.Timer | None = None

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self._timer = context.window_manager.event_timer_add(0.01, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        assert self._timer is not None, "invoke has made it"
        context.window_manager.event_timer_remove(self._timer)
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        self.report({self.level}, self.message)
        return {"FINISHED"}


def tell(message: str, level: Level = "INFO") -> None:
    """Report `message`; where there is no window, nobody would see it, and nothing happens."""
    if bpy.app.background or bpy.context.window is None:
        return
    bpy.ops.sjc.tell("INVOKE_DEFAULT", message=message, level=level)


def job_notice(job: Job) -> tuple[str, Level] | None:
    """Return the notice about a job's end; None for jobs that are live, wait for their import or were cancelled."""
    if job.live or job.awaits_import or job.state is JobState.CANCELLED:
        return None
    subject = f"{job.spec.subject}, seed {job.spec.seed}"
    if job.error is not None:
        return f"{subject} failed: {_first_line(job.error)}", "WARNING"
    if job.import_error is not None:
        return f"{subject} is done, but not in the scene: {_first_line(job.import_error)}", "WARNING"
    return f"{subject} is done" + (", and in the scene" if job.imported else ""), "INFO"


def _first_line(error: SjcError) -> str:
    return error.message.partition("\n")[0]


def _tell_of_jobs() -> None:
    for job in job_queue.QUEUE.jobs:
        if job in _told or job.live or job.awaits_import:
            continue
        _told.add(job)
        notice = job_notice(job)
        if notice is not None:
            tell(*notice)
            sound.ring()


def _tell_of_engine() -> None:
    global _setting_up
    state = session.KEEPER.state
    if state.status is Status.UNKNOWN:  # it is looked for right after the set-up
        return
    was, _setting_up = _setting_up, state.status is Status.SETTING_UP
    if was and state.status is Status.READY and state.failure is None:
        tell("The engine is ready")
        sound.ring()
    elif was and state.failure is not None:
        tell(f"The engine was not set up: {_first_line(state.failure)}", "WARNING")


def _tell_of_texture(key: str, failure: SjcError | None) -> None:
    if not key.startswith(KEY):
        return
    name = key.removeprefix(KEY)
    if failure is not None:
        tell(f"{name} was not baked: {_first_line(failure)}", "WARNING")
    else:
        tell(f"{name} has a texture")
        sound.ring()


HOOKS = (
    (pump.LISTENERS, _tell_of_jobs),
    (session.LISTENERS, _tell_of_engine),
    (background_work.LISTENERS, _tell_of_texture),
)


def register() -> None:
    """Tell nothing of jobs that are there already."""
    _told.update(job_queue.QUEUE.jobs)
