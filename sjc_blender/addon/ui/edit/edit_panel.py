# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel for editing a result."""

import bpy

from ...results.origin import is_result
from ..settings.properties import SJC_PG_settings
from ..shared.choices import draw_choices
from ..shared.sidebar import Sidebar, beside_names


class SJC_PT_edit(Sidebar, bpy.types.Panel):
    """What is to become of the active result."""

    bl_label = "Edit"
    bl_parent_id = "SJC_PT_result"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return is_result(context.object)

    def draw(self, context: bpy.types.Context) -> None:
        layout = beside_names(self.layout)
        settings: SJC_PG_settings = context.scene.sjc
        layout.prop(settings, "edit_prompt")
        row = layout.row(align=True)
        row.prop(settings, "edit_region")
        row.operator("sjc.add_region", text="", icon="ADD")
        if settings.edit_region is not None:
            layout.prop(settings, "edit_anew")
        draw_choices(layout, context, settings, "edit_settings")
        text = "Edit the Region" if settings.edit_region is not None else "Refine All of It"
        layout.operator("sjc.edit_result", text=text, icon="MOD_MASK")
