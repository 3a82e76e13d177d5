# SPDX-License-Identifier: GPL-3.0-or-later
"""3D printing: whether a mesh is closed, and its size in millimetres."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

from ...protocol.errors import SjcError

MILLIMETRES = 1000.0
"""Millimetres per metre, which is a Blender unit at a unit scale of 1."""


def require_closed(obj: bpy.types.Object) -> None:
    """Raise SjcError ``not_closed`` for a mesh, modifiers applied, that has no inside.

    An edge where more than two faces meet is no hole: a surface may touch itself.
    """
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    try:
        corners: Any = mesh.loops
        edges = np.empty(len(corners), np.int32)
        corners.foreach_get("edge_index", edges)
        faces = np.bincount(edges, minlength=len(mesh.edges))
        found = int((faces == 1).sum())
        empty = not len(mesh.polygons)
    finally:
        evaluated.to_mesh_clear()
    if empty or found:
        what = f"has holes, {found} edges at their rims" if found else "has no faces"
        raise SjcError(
            "not_closed",
            f"{obj.name!r} {what}, and an STL is for printing, which needs a closed surface.",
            "Fill them (Edit Mode: Select > All by Trait > Non Manifold, then Face > Fill), cut the mesh anew by its "
            "threshold, or export it as PLY or OBJ, which may be open.",
        )


def printed_size(obj: bpy.types.Object, scene: bpy.types.Scene) -> tuple[int, int, int]:
    """Return width, depth and height of an object's STL in millimetres."""
    unit = MILLIMETRES * scene.unit_settings.scale_length
    x, y, z = obj.dimensions[:]
    return round(x * unit), round(y * unit), round(z * unit)
