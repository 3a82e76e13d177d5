"""The settings of a scene's next job: ``scene.sjc``."""

import json

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, PointerProperty, StringProperty

from ...protocol.model_profile import needs_prompt
from ...protocol.presets import PRESETS, preset_names
from .edit_properties import EditSettings
from .model_properties import ModelChoice
from .rig_properties import RigSettings


def _preset_items() -> list[tuple[str, str, str]]:
    items = []
    for name in preset_names():
        settings = json.loads((PRESETS / f"{name}.json").read_text(encoding="utf-8"))
        steps, resolution = settings["optimisation"]["steps"], settings["field"]["resolution"]
        items.append((name, name.capitalize(), f"{steps} steps on {resolution} voxels, unless the model has its own"))
    return items


class SJC_PG_settings(ModelChoice, RigSettings, EditSettings, bpy.types.PropertyGroup):
    """What the next job is to make, and from where it is looked at."""

    prompt: StringProperty(
        name="Prompt",
        description='What to make, such as "a red chair"',
        options={"TEXTEDIT_UPDATE"},
    )
    negative_prompt: StringProperty(
        name="Negative Prompt",
        description="What to keep away from",
    )
    preset: EnumProperty(
        name="Preset",
        description="How much time to spend",
        items=_preset_items(),
        default="standard",
    )
    seed: IntProperty(
        name="Seed",
        description="Another seed gives another object; the same seed and settings repeat it",
        min=0,
    )
    make_volume: BoolProperty(
        name="Volume",
        description="Bring the result in as a Volume that glows in its colours",
        default=True,
    )
    make_mesh: BoolProperty(
        name="Mesh",
        description="Bring the result in as a mesh with a colour attribute",
        default=True,
    )

    @property
    def outputs(self) -> tuple[str, ...]:
        """What is to be made, as the API takes it."""
        return tuple(name for name, wanted in (("volume", self.make_volume), ("mesh", self.make_mesh)) if wanted)

    @property
    def takes_prompt(self) -> bool:
        """Whether the chosen model wants to be told what to make."""
        return needs_prompt(bpy.path.abspath(self.model))

    def obstacle(self) -> str:
        """Say why no job can start with these settings; empty if nothing is seen that would prevent it."""
        if not self.prompt.strip() and self.takes_prompt:
            return "Write a prompt first"
        if self.rig_obstacle():
            return self.rig_obstacle()
        if not self.outputs:
            return "Choose a volume, a mesh or both"
        return self.model_obstacle()


def register() -> None:
    """Give every scene its settings."""
    bpy.utils.register_class(SJC_PG_settings)
    bpy.types.Scene.sjc = PointerProperty(type=SJC_PG_settings)


def unregister() -> None:
    """Take the settings away."""
    del bpy.types.Scene.sjc
    bpy.utils.unregister_class(SJC_PG_settings)
