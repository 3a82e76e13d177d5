"""A finished job's field becomes a Volume object."""

from __future__ import annotations

from pathlib import Path

import bpy

from ...protocol import atomic_write
from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder, volume_stem
from ...protocol.spec import JobSpec
from .materials import look_material
from .placement import job_id, place_result, result_name
from .result_files import read_field
from .standing import standing_frame
from .vdb_file import display_density, write_vdb

SUBFOLDER = "sjc"
"""Beside the saved .blend; holds the .vdb files it refers to."""


def import_volume(folder: JobFolder, scene: bpy.types.Scene) -> bpy.types.Object:
    """Make a Volume object of a job's field, where `place_result` puts it.

    The .vdb file lies beside the saved .blend in the folder ``sjc`` and is referred to by a
    relative path; as long as the .blend is not saved it lies in the job's folder. Nothing is
    shared with older results.

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
        ``no_result``, ``broken_result``, ``empty_result``, ``folder_not_writable``, ``disk_full``;
        the scene is as it was then.
    """
    spec = folder.read_spec()
    field = read_field(folder)
    if not field.density.any():
        raise SjcError(
            "empty_result",
            f"The job {job_id(folder.path)!r} ended with an empty field: there is nothing to see.",
            "Try another seed, more steps or a smaller emptiness weight.",
        )
    frame = standing_frame(folder, spec)
    path = _vdb_path(folder, spec)
    write_vdb(field, path, frame)
    name = f"{result_name(spec.subject)} volume"
    volume = bpy.data.volumes.new(name)
    volume.filepath = _stored_path(path)
    if not volume.grids.load():
        message = volume.grids.error_message
        bpy.data.volumes.remove(volume)
        raise SjcError("broken_result", f"Blender cannot read the volume file {path}: {message}.", "Import it again.")
    # Density counts per unit of the object's own: a result that is made bigger or smaller keeps its look.
    volume.render.space = "OBJECT"
    volume.display.density = display_density(field.density)
    volume.materials.append(look_material(name, "RADIANCE"))
    obj = bpy.data.objects.new(name, volume)
    place_result(obj, spec, folder, frame, scene)
    return obj


def _vdb_path(folder: JobFolder, spec: JobSpec) -> Path:
    """Give a path that no file has yet, in a folder that is there."""
    blend = bpy.data.filepath
    parent = Path(blend).parent / SUBFOLDER if blend else folder.to_write(folder.field).parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise atomic_write.file_error(error, parent) from error
    stem = volume_stem(spec)
    path, number = parent / f"{stem}.vdb", 1
    while path.exists():
        number += 1
        path = parent / f"{stem}-{number}.vdb"
    return path


def _stored_path(path: Path) -> str:
    return bpy.path.relpath(str(path)) if bpy.data.filepath else str(path.resolve())
