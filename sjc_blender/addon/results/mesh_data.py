# SPDX-License-Identifier: GPL-3.0-or-later
"""Filling a mesh with the arrays of a surface."""

from __future__ import annotations

import bpy
import numpy as np

from .materials import MESH_COLOUR
from .object_frame import ObjectFrame
from .result_files import MeshArrays


def fill_mesh(mesh: bpy.types.Mesh, arrays: MeshArrays, frame: ObjectFrame) -> None:
    """Replace a mesh's geometry and colours; its materials stay, and so do the objects that use it."""
    mesh.clear_geometry()
    count, corners = arrays.faces.shape
    mesh.vertices.add(len(arrays.vertices))
    mesh.vertices.foreach_set("co", frame.to_object(arrays.vertices).ravel())
    mesh.loops.add(arrays.faces.size)
    mesh.loops.foreach_set("vertex_index", arrays.faces.ravel())
    mesh.polygons.add(count)
    mesh.polygons.foreach_set("loop_start", np.arange(0, arrays.faces.size, corners, dtype=np.int32))
    mesh.update(calc_edges=True)
    colour = mesh.color_attributes.new(MESH_COLOUR, "FLOAT_COLOR", "POINT")
    colour.data.foreach_set(  # type: ignore[attr-defined]
        "color", np.insert(arrays.colours, 3, 1.0, axis=1).ravel()
    )
    mesh.color_attributes.active_color = colour
    mesh.validate()
    mesh.shade_smooth()
