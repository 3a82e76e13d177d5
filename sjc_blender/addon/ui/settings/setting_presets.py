# SPDX-License-Identifier: GPL-3.0-or-later
"""Named presets of a scene's settings, with Blender's preset menu in the panel's header."""

import bpy
from bl_operators.presets import AddPresetBase
from bl_ui.utils import PresetPanel

from .properties import SJC_PG_settings

SUBFOLDER = "sjc"


def _values() -> list[str]:
    """Every setting but those that point into one file, and the prompts and the seed, which are the job's own."""
    left_out = {"rna_type", "name", "prompt", "seed", "edit_prompt"}
    return [
        f"settings.{prop.identifier}"
        for prop in SJC_PG_settings.bl_rna.properties
        if prop.identifier not in left_out and prop.type not in {"POINTER", "COLLECTION"} and not prop.is_readonly
    ]


class SJC_MT_setting_presets(bpy.types.Menu):
    """Presets of settings."""

    bl_label = "SJC Presets"
    preset_subdir = SUBFOLDER
    preset_operator = "script.execute_preset"
    draw = bpy.types.Menu.draw_preset  # type: ignore[assignment]  # as Blender's own preset menus


class SJC_OT_setting_preset_add(AddPresetBase, bpy.types.Operator):
    """Save the settings of this tab as a preset, or remove the preset"""  # noqa: D400 - a tooltip

    bl_idname = "sjc.setting_preset_add"
    bl_label = "Add SJC Preset"
    preset_menu = "SJC_MT_setting_presets"
    preset_subdir = SUBFOLDER
    preset_defines = ["settings = bpy.context.scene.sjc"]

    @property
    def preset_values(self) -> list[str]:
        """Paths of the stored properties."""
        return _values()


class SJC_PT_setting_presets(PresetPanel, bpy.types.Panel):
    """Presets of settings."""

    bl_label = "SJC Presets"
    preset_subdir = SUBFOLDER
    preset_operator = "script.execute_preset"
    preset_add_operator = "sjc.setting_preset_add"
