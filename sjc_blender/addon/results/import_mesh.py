# SPDX-License-Identifier: GPL-3.0-or-later
"""Import of a finished job's surface as a mesh object."""

from __future__ import annotations

import bpy

from ...protocol.job_folder import JobFolder
from ...protocol.spec import JobSpec
from .all_or_nothing import all_or_nothing
from .bake_texture import bake_texture
from .materials import painted_material
from .mesh_data import fill_mesh
from .object_frame import ObjectFrame
from .placement import place_result, result_name
from .remesh import SMOOTHING_PROPERTY, THRESHOLD_PROPERTY, cutter_of, reduce_faces
from .result_files import MeshArrays, read_mesh
from .standing import standing_frame


def import_mesh(folder: JobFolder, scene: bpy.types.Scene) -> bpy.types.Object:
    """Make a mesh object of a job's surface, with its colours, where `place_result` puts it.

    Parameters
    ----------
    folder : JobFolder
        Of a finished job.

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
    arrays = _surface_arrays(folder, spec)
    frame = standing_frame(folder, spec)
    with all_or_nothing():
        return _mesh_object(folder, spec, arrays, frame, scene)


def _mesh_object(
    folder: JobFolder, spec: JobSpec, arrays: MeshArrays, frame: ObjectFrame, scene: bpy.types.Scene
) -> bpy.types.Object:
    name = result_name(spec.subject)
    mesh = bpy.data.meshes.new(name)
    fill_mesh(mesh, arrays, frame)
    material = painted_material(name)
    # What the viewport shows in solid mode.
    material.diffuse_color = (*arrays.colours.mean(axis=0).tolist(), 1.0)  # type: ignore[assignment]
    mesh.materials.append(material)
    obj = bpy.data.objects.new(name, mesh)
    place_result(obj, spec, folder, frame, scene)
    if arrays.threshold is not None:
        obj[THRESHOLD_PROPERTY] = arrays.threshold
    obj[SMOOTHING_PROPERTY] = spec.outputs.mesh_smoothing
    reduce_faces(obj, spec.outputs.mesh_faces)
    if spec.outputs.mesh_texture:
        bake_texture(obj, spec.outputs.mesh_texture)
    return obj


def _surface_arrays(folder: JobFolder, spec: JobSpec) -> MeshArrays:
    """Return the job's mesh; if it made none, a surface cut from its field now."""
    if folder.has(folder.mesh) or not folder.has(folder.field):
        return read_mesh(folder)
    surface = cutter_of(folder, spec.outputs.mesh_smoothing).cut(spec.outputs.mesh_threshold)
    return MeshArrays(surface.vertices, surface.faces, surface.colours, surface.threshold)
