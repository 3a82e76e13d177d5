# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries in Blender's menus, in which its search finds the operators."""

import webbrowser
from pathlib import Path

import bpy

from .shared.action import possible

MANUAL = Path(__file__).parents[2] / "manual" / "index.html"


def _add(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.separator()
    menu.layout.operator("sjc.generate", text="Generate from SJC Prompt", icon="SHADERFX")
    menu.layout.operator("sjc.add_domain", text="SJC Domain", icon="CUBE")
    menu.layout.operator("sjc.add_rig", text="SJC Camera Rig", icon="OUTLINER_OB_CAMERA")


def _import(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.operator("sjc.import_result", text="SJC Result (job folder)")


def _export(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.operator("sjc.export_result", text="SJC Result (.glb, .ply, .obj, .stl, .usdc, .vdb)")


def _help(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.separator()
    menu.layout.operator("sjc.open_manual", icon="HELP")


class SJC_OT_open_manual(bpy.types.Operator):
    """Open the manual of SJC in the web browser; it is included in the add-on and works offline"""  # noqa: D400 - a tooltip

    bl_idname = "sjc.open_manual"
    bl_label = "SJC Manual"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        otherwise = "The manual comes with the zip of the add-on; in a checkout it is docs/index.md"
        return possible(cls, MANUAL.is_file(), otherwise)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Open it, and say where it lies: not every computer has a browser that is found."""
        if webbrowser.open(MANUAL.as_uri()):
            self.report({"INFO"}, f"The manual: {MANUAL}")
        else:
            self.report({"WARNING"}, f"No web browser was found. The manual is {MANUAL}: open it with any browser.")
        return {"FINISHED"}


HOOKS = (
    (bpy.types.VIEW3D_MT_add, _add),
    (bpy.types.TOPBAR_MT_file_import, _import),
    (bpy.types.TOPBAR_MT_file_export, _export),
    (bpy.types.TOPBAR_MT_help, _help),
)
