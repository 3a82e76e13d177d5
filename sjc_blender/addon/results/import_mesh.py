"""A finished job's surface becomes a mesh object."""

from __future__ import annotations

import bpy
import numpy as np

from ...protocol.job_folder import JobFolder
from .materials import MESH_COLOUR, painted_material
from .placement import job_id, place_result, result_name
from .result_files import MeshArrays, read_mesh


def import_mesh(folder: JobFolder, scene: bpy.types.Scene) -> bpy.types.Object:
    """Make a mesh object of a job's surface, at the domain's place, with its colours.

    Parameters
    ----------
    folder : JobFolder
        Of a finished job.
    scene : bpy.types.Scene

    Returns
    -------
    bpy.types.Object
        Selected and active, unless an object is being edited.

    Raises
    ------
    SjcError
        ``no_result`` or ``broken_result``; the scene is as it was then.
    """
    spec = folder.read_spec()
    arrays = read_mesh(folder)
    name = f"{result_name(spec.prompt)} mesh"
    mesh = _build(arrays, name)
    material = painted_material(name)
    # What the viewport shows in solid mode.
    material.diffuse_color = (*arrays.colours.mean(axis=0).tolist(), 1.0)  # type: ignore[assignment]
    mesh.materials.append(material)
    obj = bpy.data.objects.new(name, mesh)
    place_result(obj, spec, job_id(folder.path), scene)
    return obj


def _build(arrays: MeshArrays, name: str) -> bpy.types.Mesh:
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(arrays.vertices))
    mesh.vertices.foreach_set("co", arrays.vertices.ravel())
    mesh.loops.add(arrays.faces.size)
    mesh.loops.foreach_set("vertex_index", arrays.faces.ravel())
    mesh.polygons.add(len(arrays.faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, arrays.faces.size, 3, dtype=np.int32))
    mesh.update(calc_edges=True)
    colour = mesh.color_attributes.new(MESH_COLOUR, "FLOAT_COLOR", "POINT")
    colour.data.foreach_set(  # type: ignore[attr-defined]
        "color", np.insert(arrays.colours, 3, 1.0, axis=1).ravel()
    )
    mesh.color_attributes.active_color = colour
    mesh.validate()
    mesh.shade_smooth()
    mesh.normals_split_custom_set_from_vertices(arrays.normals.tolist())
    return mesh
