# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel of the active result."""

import bpy

from ....protocol.shown import shown
from ...kept_values import kept_text
from ...results import background_work
from ...results.bake_texture import KEY
from ...results.before_after import sides_of
from ...results.bring_files import is_elsewhere
from ...results.origin import is_result, mesh_of
from ...results.placement import job_of
from ...results.remesh import refusals
from ...rigs import occupied
from ..shared.choices import draw_choices, roomy
from ..shared.sidebar import Sidebar, beside_names
from ..shared.wrapped_label import draw_error, draw_sentences

LONGEST_PROMPT = 200
"""Characters of it that are shown."""

ELSEWHERE = "Its .vdb file lies in another folder, and does not move with this file"
SPECKS = "If it moves, motion blur gives it bright specks in Cycles: switch on Biased in Render > Volumes"
LINKED = "It is linked: its .vdb file lies beside the file that it comes from"


class SJC_PT_result(Sidebar, bpy.types.Panel):
    """Mesh, look and export of the active result."""

    bl_label = "Result"
    bl_parent_id = "SJC_PT_main"
    # The last panel, as it grows when a result is imported, and nothing should move.
    bl_order = 80

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        obj = context.object
        if not is_result(obj):
            draw_sentences(layout, context, "Select a generated object", "INFO")
            return
        named = shown(kept_text(obj, "sjc_prompt") or obj.name, LONGEST_PROMPT)
        draw_sentences(layout, context, named, f"OUTLINER_OB_{obj.type}")
        column = beside_names(layout)
        column.enabled = context.mode == "OBJECT"
        if context.mode != "OBJECT":
            draw_sentences(layout, context, "Go to Object Mode to change it", "INFO")
        kinds = column.row(align=True)
        for kind, name in (("MESH", "Mesh"), ("VOLUME", "Volume")):
            seen = obj.type == kind
            kinds.operator("sjc.show_as", text=name, icon=f"OUTLINER_OB_{kind}", depress=seen).kind = kind.lower()
        colours = column.row()
        colours.use_property_split = False  # its name stands on the button
        colours.prop(context.window_manager.sjc, "colours", text="Show Colours", toggle=True, icon="COLOR")
        if obj.type == "VOLUME":
            draw_choices(column, context, context.window_manager.sjc_result, "look")
            _draw_elsewhere(column, context, obj)
            _draw_motion_blur(column, context, obj)
        _draw_place(column, context, obj)
        mesh = mesh_of(obj)
        if mesh is not None:
            _draw_mesh(column, context, mesh)
        row = layout.row(align=True)
        row.operator("sjc.mark_asset", icon=roomy(context, "ASSET_MANAGER"))
        row.operator("sjc.export_result", text="Export", icon=roomy(context, "EXPORT"))


def _draw_elsewhere(column: bpy.types.UILayout, context: bpy.types.Context, obj: bpy.types.Object) -> None:
    """Say that the grids belong to another project, and offer to copy them."""
    if not is_elsewhere(obj):
        return
    linked = obj.data is not None and obj.data.library is not None
    draw_sentences(column, context, LINKED if linked else ELSEWHERE, "INFO")
    if not linked:
        column.operator("sjc.bring_files", icon="FILE_FOLDER")


def _draw_motion_blur(column: bpy.types.UILayout, context: bpy.types.Context, obj: bpy.types.Object) -> None:
    """Say how a moving Volume looks with motion blur in Cycles without *Biased*, which Blender 4.5 does not have."""
    scene = context.scene
    unbiased = not getattr(getattr(scene, "cycles", None), "volume_biased", True)
    if unbiased and scene.render.engine == "CYCLES" and scene.render.use_motion_blur and not obj.hide_render:
        draw_sentences(column, context, SPECKS, "INFO")


def _draw_place(column: bpy.types.UILayout, context: bpy.types.Context, obj: bpy.types.Object) -> None:
    """Draw the comparison of an edit with its original, and the button that hides another object in this place."""
    sides = sides_of(obj, context.scene)
    if sides:
        row = column.row(align=True)
        for side, name in (("before", "Before"), ("after", "After")):
            row.operator("sjc.show_side", text=name, depress=obj in sides[side]).side = side
    other = occupied.still_there(job_of(obj), context.view_layer)
    if other is not None and other != obj:
        hide = column.operator("sjc.hide_cover", text=f"Hide {other.name}", icon="HIDE_ON", translate=False)
        hide.name = other.name


def _draw_mesh(column: bpy.types.UILayout, context: bpy.types.Context, mesh: bpy.types.Object) -> None:
    settings = context.window_manager.sjc_result
    row = column.row(align=True)
    row.prop(settings, "threshold", slider=True)
    row.operator("sjc.auto_threshold", text="Auto")
    column.prop(settings, "smoothing")
    column.prop(settings, "faces", text="Faces (0: all)")
    row = column.row(align=True)
    row.prop(settings, "texture_size")
    baking = background_work.busy(KEY + mesh.name)
    row.operator("sjc.bake_texture", text="Baking..." if baking else "Bake", icon=roomy(context, "TEXTURE"))
    refusal = refusals.get(mesh.name)
    if refusal is not None:
        draw_error(column.box(), context, refusal)
