# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators of the batch: check, run, cancel and retry."""

from collections.abc import Generator
from typing import Any

import bpy

from ....protocol.errors import SjcError
from ... import api
from ...batch import batch as batches
from ...batch.arrangement import Arrangement
from ...batch.new_batch import batching, chosen_seeds
from ...batch.plan import BatchRequest
from ...rigs.rig_choice import RigChoice
from ...window_events import push_undo, show_text
from ..shared import camera_path, gradually
from ..shared.action import Action, confirm, engine_is_ready, in_object_mode, possible
from .batch_properties import SJC_PG_batch

EXAMPLE = """\
# A prompt a line. Or begin with a line of columns, such as
# prompt,seed,preset,optimisation.steps
a red chair
a blue duck
"""

NAME = "batch"

verdict: SjcError | str | None = None
"""Message of the last check or run, for the panel."""


def reading() -> bool:
    """Return whether a list is being read or started."""
    return NAME in gradually.running or camera_path.playing()


def _has_list(operator: Any, context: bpy.types.Context) -> bool:
    chosen = context.scene.sjc_batch.source is not None
    return possible(operator, chosen, "Choose a Text block or a file first")


def _is_idle(operator: Any, _context: bpy.types.Context) -> bool:
    return possible(operator, not reading(), "Wait until the list is read")


def _was_run(operator: Any, _context: bpy.types.Context) -> bool:
    return possible(operator, batches.latest is not None, "Run a batch first")


def _keep(said: SjcError | str | None) -> None:
    global verdict
    verdict = said


def _judge(scene: bpy.types.Scene, start: bool) -> None:
    """Read the list, a few rows at a time, after playing the path if the rig is one."""
    _keep(None)

    def read(scene: bpy.types.Scene, rig: RigChoice) -> None:
        said: list[str] = []

        def done(batch: api.Batch) -> None:
            _keep(said[0] if said else f"{batch.headline} No faults.")
            if start:
                push_undo("SJC batch")

        try:
            gradually.gradually(NAME, _steps(scene, rig, start, said), done, _keep)
        except SjcError as error:
            _keep(error)

    try:
        if scene.sjc.rig == "ANIMATION" and not bpy.app.background:  # type: ignore[attr-defined]
            camera_path.play(scene, read, _keep)
        else:
            read(scene, scene.sjc.rig_choice())  # type: ignore[attr-defined]
    except SjcError as error:
        _keep(error)


def _tell(operator: bpy.types.Operator) -> None:
    """Report the verdict, if there is one already; raise it if it is a fault."""
    if isinstance(verdict, SjcError):
        raise verdict
    if verdict is not None:
        operator.report({"INFO"}, verdict)


class SJC_OT_batch_check(Action, bpy.types.Operator):
    """Check the list for faults without starting anything"""

    bl_idname = "sjc.batch_check"
    bl_label = "Check"
    needs = (_has_list, _is_idle)

    def act(self, context: bpy.types.Context) -> None:
        _judge(context.scene, start=False)
        _tell(self)


class SJC_OT_batch_run(Action, bpy.types.Operator):
    """Make the objects of the list that are missing; results that were deleted from the scene are imported again"""

    bl_idname = "sjc.batch_run"
    bl_label = "Run"
    needs = (engine_is_ready, in_object_mode, _has_list, _is_idle)

    def act(self, context: bpy.types.Context) -> None:
        _judge(context.scene, start=True)
        _tell(self)


class SJC_OT_batch_cancel(Action, bpy.types.Operator):
    """Stop the running job after its current step, and the waiting ones; Run or Retry continues them"""

    bl_idname = "sjc.batch_cancel"
    bl_label = "Cancel Batch"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if batches.latest is None:
            return {"CANCELLED"}
        left = len(batches.latest.entries) - batches.latest.ended
        return confirm(
            self,
            context,
            event,
            "Cancel this batch?",
            f"{batches.latest.name}: {left} jobs are not done. Run or Retry goes on with them.",
            "Cancel Batch",
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        if batches.latest is not None:
            batches.latest.cancel()
        return {"FINISHED"}


class SJC_OT_batch_retry(Action, bpy.types.Operator):
    """Run failed and cancelled jobs again, from their last checkpoints"""

    bl_idname = "sjc.batch_retry"
    bl_label = "Retry"
    needs = (_was_run, _is_idle)

    def act(self, context: bpy.types.Context) -> None:
        def done(said: str) -> None:
            _keep(said)
            push_undo("SJC batch")

        assert batches.latest is not None, "poll has looked"
        _keep(None)
        gradually.gradually(NAME, batches.latest.starting(), done, _keep)
        _tell(self)


class SJC_OT_batch_new_text(bpy.types.Operator):
    """Add a Text block with an example; edit it in a Text Editor"""

    bl_idname = "sjc.batch_new_text"
    bl_label = "New List of Prompts"
    bl_options = {"UNDO", "INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        text = bpy.data.texts.new("SJC Prompts")
        text.write(EXAMPLE)
        context.scene.sjc_batch.text = text
        show_text(text)
        return {"FINISHED"}


class SJC_OT_batch_dismiss(Action, bpy.types.Operator):
    """Hide this message"""

    bl_idname = "sjc.batch_dismiss"
    bl_label = "Dismiss"

    def execute(self, context: bpy.types.Context) -> set[str]:
        _keep(None)
        return {"FINISHED"}


def _steps(scene: bpy.types.Scene, rig: RigChoice, start: bool, said: list[str]) -> Generator[None, None, api.Batch]:
    chosen: SJC_PG_batch = scene.sjc_batch  # type: ignore[attr-defined]
    shared = scene.sjc.request(rig)  # type: ignore[attr-defined]
    return batching(
        chosen.source,
        BatchRequest(shared, chosen_seeds(chosen.seeds), presets=(shared.preset,), rigs=(rig,)),
        scene,
        Arrangement(chosen.place, assets=chosen.assets),
        start=start,
        farm=scene.sjc.farm,  # type: ignore[attr-defined]
        tell=said.append,
    )
