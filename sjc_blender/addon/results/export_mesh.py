# SPDX-License-Identifier: GPL-3.0-or-later
"""A mesh in the formats of Blender's own exporters: GLB, PLY, OBJ, STL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

from .printing import MILLIMETRES, require_closed

MESH_FORMATS = (".glb", ".ply", ".obj", ".stl")


def write_mesh(obj: bpy.types.Object, target: Path) -> None:
    """Write a mesh, which must be the only selected object, in the format of the suffix.

    Raises
    ------
    SjcError
        ``not_closed``, of an STL.
    RuntimeError, AttributeError
        From Blender's exporter.
    """
    path, ending = str(target), target.suffix.lower()
    if ending == ".glb":
        bpy.ops.export_scene.gltf(
            filepath=path,
            export_format="GLB",
            use_selection=True,
            export_apply=True,
            # Only where the material shows them: readers multiply them with a texture, which has the same colours.
            export_vertex_color="MATERIAL",
            export_all_vertex_colors=False,
        )
    elif ending == ".ply":
        bpy.ops.wm.ply_export(
            filepath=path, export_selected_objects=True, apply_modifiers=True, export_normals=True, export_colors="SRGB"
        )
    elif ending == ".stl":
        require_closed(obj)
        # 5.2 takes modifiers as renders have them unless it is told; 4.5 knows no other way than the viewport's.
        as_seen: dict[str, Any] = {} if bpy.app.version < (5, 0, 0) else {"evaluation_mode": "DAG_EVAL_VIEWPORT"}
        bpy.ops.wm.stl_export(
            filepath=path,
            export_selected_objects=True,
            apply_modifiers=True,
            # The format has no unit; who prints takes its numbers for millimetres.
            use_scene_unit=True,
            global_scale=MILLIMETRES,
            **as_seen,
        )
    else:
        with pictures_beside(obj, target):
            bpy.ops.wm.obj_export(
                filepath=path,
                export_selected_objects=True,
                apply_modifiers=True,
                export_colors=True,
                path_mode="STRIP",
            )


@contextlib.contextmanager
def pictures_beside(obj: bpy.types.Object, target: Path) -> Iterator[None]:
    """Write packed pictures beside the file, which can only refer to them."""
    trees = [slot.material.node_tree for slot in obj.material_slots if slot.material is not None]
    nodes = [node for tree in trees if tree is not None for node in tree.nodes]
    packed = {node.image for node in nodes if isinstance(node, bpy.types.ShaderNodeTexImage) and node.image}
    before = {image: image.filepath_raw for image in packed if image.packed_file is not None}
    try:
        for number, image in enumerate(before):
            path = target.with_name(f"{target.stem}{f'-{number + 1}' if number else ''}.png")
            image.save(filepath=str(path))
            image.filepath_raw = str(path)
        yield
    finally:
        for image, path_before in before.items():
            image.filepath_raw = path_before
