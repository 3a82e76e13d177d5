# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that start jobs through `sjc_blender.addon.api`."""

import dataclasses
import random
from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from ....protocol.errors import SjcError
from ... import api
from ...batch.plan import identity
from ...environment import session
from ...jobs import setting_recall
from ...jobs.job import Job, JobState
from ...jobs.job_import import belongs_to
from ...jobs.resolve import resolved
from ...jobs.scene_view import SceneView
from ...rigs import occupied
from ...rigs.domain import standing_box
from ...rigs.rig_choice import RigChoice
from ..settings.properties import SJC_PG_settings
from ..shared import camera_path
from ..shared.action import DIALOG, Action, ask_in_dialog, in_object_mode, possible, report_error
from ..shared.background_mode import seen_to_its_end
from ..shared.wrapped_label import UNIT, draw_sentences
from . import variations

LARGEST_SEED = 99_999
"""Largest random seed, short enough to read and remember."""

refusal: SjcError | None = None
"""Why the last job could not start, for the panel; None after a success, or when it was dismissed."""


def obstacle(scene: bpy.types.Scene) -> str:
    """Return why no job can be started from a scene's settings now; empty if one can."""
    said: str = scene.sjc.obstacle() or session.obstacle()  # type: ignore[attr-defined]
    return said or (camera_path.PLAYS if camera_path.playing() else "")


class SJC_OT_generate(bpy.types.Operator):
    """Make an object from the prompt in the background; if a job is running, this one waits for its turn"""

    bl_idname = "sjc.generate"
    bl_label = "Generate"

    in_panel = False
    """Whether it was invoked from the panel, which shows errors itself."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.scene is None:
            return False
        said = obstacle(context.scene)
        return possible(cls, not said, said)

    new_seed: BoolProperty(
        name="New Seed",
        description="Another seed gives another object",
        default=False,
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Start the job from a button or a menu; offer another seed where the same would come out again."""
        self.in_panel = context.region is not None and context.region.type == "UI"
        if not was_made(context.scene):
            return self.execute(context)
        self.new_seed = True
        return ask_in_dialog(self, context, "The same again?", "Generate")

    def draw(self, context: bpy.types.Context) -> None:
        said = "These settings were used already, with this seed: they give the same object again."
        draw_sentences(self.layout, context, said, "INFO", width=DIALOG / UNIT)
        self.layout.prop(self, "new_seed")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Start the job; where the scene has to be played for it in a window, a moment later."""
        _refuse(None)
        settings: SJC_PG_settings = context.scene.sjc
        if self.new_seed:
            settings.seed = unused_seed(settings)
        try:
            if settings.rig == "ANIMATION" and not bpy.app.background:
                camera_path.play(context.scene, _generate_later, _refuse)
            else:
                with seen_to_its_end():
                    _generate(context.scene, settings.rig_choice())
        except SjcError as error:
            _refuse(error)
            if not self.in_panel:
                report_error(self, error)
            return {"CANCELLED"}
        return {"FINISHED"}


def was_made(scene: bpy.types.Scene) -> bool:
    """Return whether a job of this session has the same settings."""
    settings: SJC_PG_settings = scene.sjc  # type: ignore[attr-defined]
    alike = [job for job in _of_this_prompt(settings) if job.spec.seed == settings.seed]
    if not alike or settings.rig == "ANIMATION":  # whose path would have to be played first
        return False
    try:
        spec, _inputs = resolved(settings.request(), SceneView(scene))
    except SjcError:
        return False  # which is reported when it is started
    return identity(spec) in {identity(job.spec) for job in alike}


def unused_seed(settings: SJC_PG_settings) -> int:
    """Return the first seed above all that were used with this prompt and preset."""
    return max((job.spec.seed for job in _of_this_prompt(settings)), default=settings.seed) + 1


def _of_this_prompt(settings: SJC_PG_settings) -> list[Job]:
    useful = [job for job in api.jobs() if job.live or job.state is JobState.DONE]
    return [job for job in useful if (job.spec.prompt, job.spec.preset) == (settings.prompt, settings.preset)]


def _generate(scene: bpy.types.Scene, rig: RigChoice) -> None:
    settings: SJC_PG_settings = scene.sjc  # type: ignore[attr-defined]
    count = bpy.context.window_manager.sjc.variations  # type: ignore[attr-defined]
    request = settings.request(rig)
    made: list[Job] = []
    how = {"scene": scene, "import_results": count == 1, "farm": settings.farm}
    try:
        for seed in range(settings.seed, settings.seed + count):
            made.append(api.submit(dataclasses.replace(request, seed=seed), **how))
            setting_recall.keep_settings(made[-1].folder, settings, seed=seed)
    finally:
        if count > 1:
            variations.together(made)


def _generate_later(scene: bpy.types.Scene, rig: RigChoice) -> None:
    try:
        _generate(scene, rig)
    except SjcError as error:
        _refuse(error)


def _refuse(error: SjcError | None) -> None:
    # Reports vanish too soon for a list of cameras: the panel keeps it.
    global refusal
    refusal = error


class SJC_OT_hide_cover(bpy.types.Operator):
    """Hide the object that overlaps the result, in the viewport and in renders; unhide it in the Outliner"""

    bl_idname = "sjc.hide_cover"
    bl_label = "Hide"
    bl_options = {"UNDO", "INTERNAL"}

    name: StringProperty(name="Object", description="Name of the object to hide", options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = context.view_layer.objects.get(self.name)
        if obj is None:
            return {"CANCELLED"}
        occupied.hide(obj, context.view_layer)
        return {"FINISHED"}


class SJC_OT_beside(bpy.types.Operator):
    """Move the 3D cursor along X to a free place, where the next object will stand"""

    bl_idname = "sjc.beside"
    bl_label = "Beside It"
    bl_options = {"UNDO", "INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        waiting = [job.spec.domain for job in api.jobs() if job.live and belongs_to(job, scene)]
        place = occupied.beside(standing_box(scene), context.view_layer, waiting)
        if place is None:
            self.report({"ERROR"}, "There is no room along the X axis. Move the 3D cursor to a place that is free.")
            return {"CANCELLED"}
        scene.cursor.location.x = place.matrix_world[0][3]
        return {"FINISHED"}


class SJC_OT_dismiss(Action, bpy.types.Operator):
    """Hide this message"""

    bl_idname = "sjc.dismiss"
    bl_label = "Dismiss"

    def execute(self, context: bpy.types.Context) -> set[str]:
        _refuse(None)
        return {"FINISHED"}


class SJC_OT_import_result(Action, bpy.types.Operator):
    """Import the result of a finished job from its folder"""

    bl_idname = "sjc.import_result"
    bl_label = "Import SJC Result"
    bl_options = {"REGISTER", "UNDO"}
    needs = (in_object_mode,)

    directory: StringProperty(
        name="Job Folder", description="The folder with job.json and result", subtype="DIR_PATH", options={"SKIP_SAVE"}
    )
    filter_folder: BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self.directory:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def act(self, context: bpy.types.Context) -> None:
        folder = Path(bpy.path.abspath(self.directory))
        started_here = [job for job in api.jobs() if job.folder.path == folder]
        api.import_result(started_here[-1] if started_here else folder, scene=context.scene)


class SJC_OT_random_seed(bpy.types.Operator):
    """Choose a random seed"""

    bl_idname = "sjc.random_seed"
    bl_label = "Random Seed"
    bl_options = {"UNDO", "INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.sjc.seed = random.randint(0, LARGEST_SEED)  # noqa: S311  # no secret
        return {"FINISHED"}
