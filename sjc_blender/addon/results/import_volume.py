# SPDX-License-Identifier: GPL-3.0-or-later
"""Import of a finished job's field as a Volume object."""

from __future__ import annotations

from pathlib import Path

import bpy

from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder, volume_stem
from ...protocol.spec import JobSpec
from ..job_location import first_writable
from .all_or_nothing import all_or_nothing
from .materials import look_material
from .object_frame import ObjectFrame
from .placement import place_result, result_name
from .result_files import FieldArrays, read_field
from .standing import standing_frame
from .vdb_file import display_density, store_vdb

SUBFOLDER = "sjc"
"""Folder beside the saved .blend for its .vdb files."""


def import_volume(folder: JobFolder, scene: bpy.types.Scene) -> bpy.types.Object:
    """Make a Volume object of a job's field, where `place_result` puts it.

    The .vdb file lies beside the saved .blend in the folder ``sjc`` and is referred to by a
    relative path; as long as the .blend is not saved, or lies where nothing may be written, it lies in
    the job's folder. It is named after
    what is in it: imported again, the same file serves.

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
        ``no_result``, ``broken_result``, ``empty_result``, ``folder_not_writable``, ``disk_full``;
        the scene is as it was then.
    """
    spec = folder.read_spec()
    field = read_field(folder)
    if not field.density.any():
        raise SjcError(
            "empty_result",
            f"The job {folder.path.name!r} ended with an empty field.",
            "Try another seed, more steps or a smaller emptiness weight.",
        )
    frame = standing_frame(folder, spec)
    with all_or_nothing():
        return _volume_object(folder, spec, field, frame, scene)


def _volume_object(
    folder: JobFolder, spec: JobSpec, field: FieldArrays, frame: ObjectFrame, scene: bpy.types.Scene
) -> bpy.types.Object:
    path = store_vdb(field, _place(folder), volume_stem(spec), frame)
    name = f"{result_name(spec.subject)} volume"
    volume = bpy.data.volumes.new(name)
    volume.filepath = _stored_path(path)
    if not volume.grids.load():
        message = volume.grids.error_message
        raise SjcError("broken_result", f"Blender cannot read the volume file {path}: {message}.", "Import it again.")
    # Density counts per unit of the object's own: a result that is made bigger or smaller keeps its look.
    volume.render.space = "OBJECT"
    volume.display.density = display_density(field.density)
    volume.materials.append(look_material(name, "RADIANCE"))
    obj = bpy.data.objects.new(name, volume)
    place_result(obj, spec, folder, frame, scene)
    return obj


def _place(folder: JobFolder) -> Path:
    """Return the folder for the grids: beside the saved .blend or, if that is not writable, the job's folder."""
    blend, result = bpy.data.filepath, folder.to_write(folder.field).parent
    return first_writable([Path(blend).parent / SUBFOLDER, result]) if blend else result


def _stored_path(path: Path) -> str:
    beside = Path(bpy.data.filepath).parent / SUBFOLDER if bpy.data.filepath else None
    return bpy.path.relpath(str(path)) if path.parent == beside else str(path.resolve())
