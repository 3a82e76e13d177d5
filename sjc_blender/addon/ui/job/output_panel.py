# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel "Output": the outputs, and where jobs run."""

import bpy

from ... import user_preferences
from ..settings.properties import SJC_PG_settings
from ..shared.choices import draw_choices
from ..shared.sidebar import SubPanel


class SJC_PT_output(SubPanel, bpy.types.Panel):
    """Outputs of the next job."""

    bl_label = "Output"
    bl_order = 40

    def draw(self, context: bpy.types.Context) -> None:
        """Show the kinds of results, and the farm where there is one."""
        settings: SJC_PG_settings = context.scene.sjc
        row = self.layout.row(align=True)
        row.prop(settings, "make_volume", toggle=True, icon="OUTLINER_OB_VOLUME")
        row.prop(settings, "make_mesh", toggle=True, icon="OUTLINER_OB_MESH")
        if user_preferences.farm_address() or settings.run_on == "FARM":
            draw_choices(self.layout, context, settings, "run_on")
