# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for the active result, through `sjc_blender.addon.api`."""

from pathlib import Path

import bpy
from bpy.props import EnumProperty, StringProperty
from bpy_extras.io_utils import ExportHelper

from ....protocol.home import home_folder
from ... import api
from ...results.export import formats_of
from ...results.origin import mesh_of
from ...results.printing import printed_size
from ...results.remesh import Cut, cut_of, request_cut
from ..shared.action import Action, in_object_mode, is_saved, on_result


class _OnResult(Action):
    needs = (on_result, in_object_mode)


class SJC_OT_auto_threshold(_OnResult, bpy.types.Operator):
    """Cut the surface at the automatic threshold, which never gives an empty mesh"""

    bl_idname = "sjc.auto_threshold"
    bl_label = "Automatic Threshold"

    def act(self, context: bpy.types.Context) -> None:
        mesh = mesh_of(context.object) or context.object
        request_cut(mesh, Cut(None, cut_of(mesh).smoothing))


class SJC_OT_show_as(_OnResult, bpy.types.Operator):
    """Show the result in this form, in the viewport and in renders; if it is not there yet, it is made from the job"""

    bl_idname = "sjc.show_as"
    bl_label = "Show Result As"
    bl_options = {"REGISTER", "UNDO"}

    kind: EnumProperty(
        name="Kind",
        description="The visible form; the other one is hidden",
        items=[
            ("mesh", "Mesh", "A surface with its colours, lit by the scene"),
            ("volume", "Volume", "The field as it was optimised"),
        ],
    )

    def act(self, context: bpy.types.Context) -> None:
        api.show_as(context.object, self.kind, scene=context.scene)


class SJC_OT_show_side(_OnResult, bpy.types.Operator):
    """Show the object before or after the edit; the other one is hidden, also in renders"""

    bl_idname = "sjc.show_side"
    bl_label = "Compare with Original"
    bl_options = {"REGISTER", "UNDO"}

    side: EnumProperty(
        name="Side",
        description="Which of the two is visible",
        items=[("before", "Before", "What the edit was made of"), ("after", "After", "The result of the edit")],
    )

    def act(self, context: bpy.types.Context) -> None:
        api.show_side(context.object, self.side, scene=context.scene)


class SJC_OT_bake_texture(_OnResult, bpy.types.Operator):
    """Unwrap the mesh and colour it by a texture that is packed in the file. Runs in the background"""

    bl_idname = "sjc.bake_texture"
    bl_label = "Bake Texture"

    def act(self, context: bpy.types.Context) -> None:
        size = int(context.window_manager.sjc_result.texture_size)
        api.bake_texture(mesh_of(context.object) or context.object, size, wait=False)


class SJC_OT_mark_asset(_OnResult, bpy.types.Operator):
    """Mark this result as an asset, with its front view as preview"""

    bl_idname = "sjc.mark_asset"
    bl_label = "Mark as Asset"
    bl_options = {"REGISTER", "UNDO"}

    def act(self, context: bpy.types.Context) -> None:
        api.mark_as_asset(context.object)


class SJC_OT_export_result(_OnResult, bpy.types.Operator, ExportHelper):
    """Write the active result as a file for other programs, as it is in the scene"""

    bl_idname = "sjc.export_result"
    bl_label = "Export SJC Result"
    bl_options = set()  # found by Blender's search

    filename_ext = ""
    filepath: StringProperty(name="File", description="File to write", subtype="FILE_PATH")
    format: EnumProperty(
        name="Format",
        description="Kind of file",
        items=[
            (".glb", "GLB", "glTF 2.0 in one file; a mesh with its colours or texture"),
            (".ply", "PLY", "Stanford's format; a mesh with vertex colours"),
            (".obj", "OBJ", "Wavefront's format; a mesh with vertex colours, and its texture beside it"),
            (".stl", "STL", "For printing: a closed mesh in millimetres, without colours"),
            (".vdb", "VDB", "OpenVDB; a Volume with the grids density and color"),
            (
                ".usdc",
                "USD",
                "Universal Scene Description; the mesh with its colours and the Volume, its VDB beside it",
            ),
        ],
    )
    filter_glob: StringProperty(default="*.glb;*.ply;*.obj;*.stl;*.vdb;*.usd;*.usda;*.usdc", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.format = formats_of(context.object)[0]
        self.filename_ext = self.format
        if not self.filepath:
            folder = Path(bpy.data.filepath).parent if bpy.data.filepath else home_folder() or Path()
            self.filepath = str(folder / bpy.path.clean_name(context.object.name)) + self.format
        ExportHelper.invoke(self, context, event)
        return {"RUNNING_MODAL"}

    def check(self, context: bpy.types.Context) -> bool:
        wanted = str(Path(self.filepath).with_suffix(self.format))
        changed = wanted != self.filepath
        self.filepath = wanted
        return changed

    def act(self, context: bpy.types.Context) -> None:
        path = api.export_result(context.object, self.filepath)
        size = " x ".join(map(str, printed_size(context.object, context.scene)))
        printed = f", {size} mm" if path.suffix.lower() == ".stl" else ""
        self.report({"INFO"}, f"Exported to {path}{printed}")


class SJC_OT_bring_files(Action, bpy.types.Operator):
    """Copy the .vdb files that results use in other folders into the folder sjc beside this file, and use the copies"""

    bl_idname = "sjc.bring_files"
    bl_label = "Bring Files Here"
    bl_options = {"REGISTER", "UNDO"}
    needs = (is_saved,)

    def act(self, context: bpy.types.Context) -> None:
        brought = api.bring_files_here()
        self.report({"INFO"}, f"Files that lie beside this one now: {len(brought.files)}")
        for name, reason in brought.left.items():
            self.report({"WARNING"}, f"{name}: {reason}")
