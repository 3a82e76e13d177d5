"""Where the operators stand in Blender's own menus, which is also where its search finds them."""

import bpy


def _add(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.separator()
    menu.layout.operator("sjc.generate", text="Generate from SJC Prompt", icon="SHADERFX")
    menu.layout.operator("sjc.add_domain", text="SJC Domain", icon="CUBE")
    menu.layout.operator("sjc.add_rig", text="SJC Camera Rig", icon="OUTLINER_OB_CAMERA")


def _import(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.operator("sjc.import_result", text="SJC Result (job folder)")


def _export(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.operator("sjc.export_result", text="SJC Result (.glb, .ply, .obj, .vdb)")


def register() -> None:
    """Put the entries into the menus."""
    bpy.types.VIEW3D_MT_add.append(_add)
    bpy.types.TOPBAR_MT_file_import.append(_import)
    bpy.types.TOPBAR_MT_file_export.append(_export)


def unregister() -> None:
    """Take them out again."""
    bpy.types.TOPBAR_MT_file_export.remove(_export)
    bpy.types.TOPBAR_MT_file_import.remove(_import)
    bpy.types.VIEW3D_MT_add.remove(_add)
