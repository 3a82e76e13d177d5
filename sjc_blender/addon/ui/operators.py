"""What the buttons and menus do: thin over `sjc_blender.addon.api`, every error said in a sentence."""

import random
import textwrap
from collections.abc import Callable
from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from ...protocol.errors import SjcError
from .. import api
from ..environment import session
from ..jobs import setting_recall
from ..rigs import occupied
from ..rigs.domain import standing_box
from ..rigs.rig_choice import RigChoice
from . import camera_path
from .properties import SJC_PG_settings

LARGEST_SEED = 2**31 - 1

PATH_PLAYS = "Wait until the camera's path is played"

LINE = 90
"""Letters of a line of a report."""

refusal: SjcError | None = None
"""Why the last job could not start, for the panel; None once one could, or when it was read."""


def report_error(operator: bpy.types.Operator, error: SjcError) -> None:
    """Report an error in lines that fit the window: Blender cuts long ones off at both ends."""
    lines = [line for part in (error.message, error.hint) for line in part.splitlines()]
    shown = [short for line in lines for short in textwrap.wrap(line, LINE) or [""]]
    operator.report({"ERROR"}, " \n".join(shown))  # the status bar joins the lines with nothing between


def attempt(operator: bpy.types.Operator, action: Callable[[], object]) -> set[str]:
    """Do it; report what SJC has to say if it cannot be done."""
    try:
        action()
    except SjcError as error:
        report_error(operator, error)
        return {"CANCELLED"}
    return {"FINISHED"}


def in_object_mode(operator: type[bpy.types.Operator], context: bpy.types.Context) -> bool:
    """Whether new objects can be made now; if not, the grey button says why."""
    if context.mode != "OBJECT":
        operator.poll_message_set("Go to Object Mode first")
    return context.mode == "OBJECT"


def obstacle(scene: bpy.types.Scene) -> str:
    """Say why no job can be started from a scene's settings now; empty if one can."""
    said: str = scene.sjc.obstacle() or session.obstacle()  # type: ignore[attr-defined]
    return said or (PATH_PLAYS if camera_path.playing() else "")


class SJC_OT_generate(bpy.types.Operator):
    """Make an object of the prompt, in the background; if a job runs already, this one waits for its turn"""

    bl_idname = "sjc.generate"
    bl_label = "Generate"

    in_panel = False
    """Whether it was clicked in the panel, which says what is wrong: a report would pop up on top of it."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether the settings are complete."""
        if context.scene is None:
            return False
        said = obstacle(context.scene)
        if said:
            cls.poll_message_set(said)
        return not said

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Start the job from a button or a menu."""
        self.in_panel = context.region is not None and context.region.type == "UI"
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Start the job; where the scene has to be played for it in a window, a moment later."""
        global refusal
        refusal = None
        settings: SJC_PG_settings = context.scene.sjc
        try:
            if settings.rig == "ANIMATION" and not bpy.app.background:
                camera_path.play(context.scene, _generate_later, _refuse)
            else:
                _generate(context.scene, settings.rig_choice())
        except SjcError as error:
            _refuse(error)
            if not self.in_panel:
                report_error(self, error)
            return {"CANCELLED"}
        return {"FINISHED"}


def _generate(scene: bpy.types.Scene, rig: RigChoice) -> None:
    settings: SJC_PG_settings = scene.sjc  # type: ignore[attr-defined]
    job = api.submit(settings.request(rig), scene=scene)
    setting_recall.keep_settings(job.folder, settings)


def _generate_later(scene: bpy.types.Scene, rig: RigChoice) -> None:
    try:
        _generate(scene, rig)
    except SjcError as error:
        _refuse(error)


def _refuse(error: SjcError) -> None:
    # A report that vanishes after a moment is no good for a list of cameras: the panel keeps it.
    global refusal
    refusal = error


class SJC_OT_hide_cover(bpy.types.Operator):
    """Hide the object that stands where the result is, in the viewport and in renders; the Outliner shows it again"""

    bl_idname = "sjc.hide_cover"
    bl_label = "Hide"
    bl_options = {"UNDO", "INTERNAL"}

    name: StringProperty(name="Object", description="Name of the object to hide", options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Hide it."""
        obj = context.view_layer.objects.get(self.name)
        if obj is None:
            return {"CANCELLED"}
        occupied.hide(obj, context.view_layer)
        return {"FINISHED"}


class SJC_OT_beside(bpy.types.Operator):
    """Make the next object beside what stands there: the 3D cursor goes along X to where there is room"""

    bl_idname = "sjc.beside"
    bl_label = "Beside It"
    bl_options = {"UNDO", "INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Move the cursor, on which the box stands."""
        scene = context.scene
        waiting = [job.spec.domain for job in api.jobs() if job.live and job.scene_name == scene.name]
        place = occupied.beside(standing_box(scene), context.view_layer, waiting)
        if place is None:
            self.report({"ERROR"}, "There is no room along the X axis. Move the 3D cursor to a place that is free.")
            return {"CANCELLED"}
        scene.cursor.location.x = place.matrix_world[0][3]
        return {"FINISHED"}


class SJC_OT_dismiss(bpy.types.Operator):
    """Put this message away"""

    bl_idname = "sjc.dismiss"
    bl_label = "Dismiss"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Forget why the last job could not start."""
        global refusal
        refusal = None
        return {"FINISHED"}


class SJC_OT_import_result(bpy.types.Operator):
    """Bring the result of a finished job into the scene, from the job's folder"""

    bl_idname = "sjc.import_result"
    bl_label = "Import SJC Result"
    bl_options = {"REGISTER", "UNDO"}

    directory: StringProperty(
        name="Job Folder", description="The folder with job.json and result", subtype="DIR_PATH", options={"SKIP_SAVE"}
    )
    filter_folder: BoolProperty(default=True, options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether new objects can be made now."""
        return in_object_mode(cls, context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Let the folder be chosen, unless the caller has."""
        if self.directory:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Import what the job made."""
        folder = Path(bpy.path.abspath(self.directory))
        started_here = [job for job in api.jobs() if job.folder.path == folder]
        source = started_here[-1] if started_here else folder
        return attempt(self, lambda: api.import_result(source, scene=context.scene))


class SJC_OT_random_seed(bpy.types.Operator):
    """Take another seed, drawn by chance"""

    bl_idname = "sjc.random_seed"
    bl_label = "Random Seed"
    bl_options = {"UNDO", "INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Draw a seed."""
        context.scene.sjc.seed = random.randint(0, LARGEST_SEED)
        return {"FINISHED"}


CLASSES = (
    SJC_OT_generate,
    SJC_OT_hide_cover,
    SJC_OT_beside,
    SJC_OT_dismiss,
    SJC_OT_import_result,
    SJC_OT_random_seed,
)

register, unregister = bpy.utils.register_classes_factory(CLASSES)
