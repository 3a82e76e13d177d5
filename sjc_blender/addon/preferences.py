"""The add-on's preferences: which Python runs the engine, and whether it can."""

import bpy
from bpy.props import StringProperty

from .. import __package__ as base_package
from ..protocol.errors import SjcError
from .models import models_folder
from .process.engine_python import find_engine_python
from .ui.wrapped_label import draw_sentences

_verdict: tuple[str, str] | None = None
"""What the last check said, and its icon."""


def engine_python() -> str:
    """Give the interpreter that is set; empty where the add-on runs without preferences."""
    addon = bpy.context.preferences.addons.get(base_package)
    chosen = addon.preferences.engine_python if addon is not None and addon.preferences is not None else ""
    return bpy.path.abspath(chosen) if chosen else ""


class SJC_OT_check_engine(bpy.types.Operator):
    """Ask the engine's Python whether it has all that the engine needs"""

    bl_idname = "sjc.check_engine"
    bl_label = "Check the SJC Engine"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Check, and say the outcome here and in the preferences."""
        global _verdict
        try:
            interpreter = find_engine_python(None, engine_python())
        except SjcError as error:
            _verdict = (str(error), "ERROR")
            self.report({"WARNING"}, str(error))
            return {"FINISHED"}
        _verdict = (f"{interpreter} can run the engine.", "CHECKMARK")
        self.report({"INFO"}, _verdict[0])
        return {"FINISHED"}


def _forget_verdict(_preferences: "SJC_AP_preferences", _context: bpy.types.Context) -> None:
    global _verdict
    _verdict = None


class SJC_AP_preferences(bpy.types.AddonPreferences):
    """Settings that hold for every file."""

    bl_idname = base_package

    engine_python: StringProperty(
        name="Engine Python",
        description="Python of the environment that has the engine's packages, or that environment's folder. "
        "Empty: what the environment variable SJC_ENGINE_PYTHON names",
        subtype="FILE_PATH",
        update=_forget_verdict,
    )

    models_folder: StringProperty(
        name="Models Folder",
        description="Where downloaded models lie, in the layout of the Hugging Face cache. "
        "Empty: the Hugging Face cache of this computer",
        subtype="DIR_PATH",
        update=lambda preferences, _context: models_folder.use(preferences.models_folder),
    )

    def draw(self, context: bpy.types.Context) -> None:
        """Show the interpreter, and what the last check said of it."""
        layout = self.layout
        row = layout.split(factor=0.85, align=True)
        row.prop(self, "engine_python")
        row.operator(SJC_OT_check_engine.bl_idname, text="Check", icon="FILE_REFRESH")
        layout.prop(self, "models_folder")
        if _verdict is not None:
            text, icon = _verdict
            column = layout.column()
            column.alert = icon == "ERROR"
            draw_sentences(column, context, text, icon)


CLASSES = (SJC_OT_check_engine, SJC_AP_preferences)


def register() -> None:
    """Show the preferences."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Hide the preferences."""
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
