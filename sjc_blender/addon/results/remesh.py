# SPDX-License-Identifier: GPL-3.0-or-later
"""Remeshing a result from its field: the object stays, its mesh is replaced."""

from __future__ import annotations

import functools
import os
import threading
from dataclasses import dataclass
from pathlib import Path

import bpy

from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder
from ...protocol.views import lowest_view
from ...surface.solidity import SMOOTHING
from ...surface.surface import Surface, SurfaceCutter
from ..kept_values import kept_number
from . import background_work
from .materials import show_material
from .mesh_data import fill_mesh
from .object_frame import frame_of
from .origin import job_folder_of, mesh_of
from .placement import job_of
from .result_files import MeshArrays, read_field

THRESHOLD_PROPERTY, SMOOTHING_PROPERTY, FACES_PROPERTY = "sjc_threshold", "sjc_smoothing", "sjc_faces"
THRESHOLD_SHOWN = 0.5
"""Threshold of a mesh that has none stored."""

PAINTED_PROPERTY = "sjc_painted"
"""Custom property: the material before the texture; it needs no UVs, which a new mesh does not have."""

REDUCTION = "SJC Faces"
"""Name of the Decimate modifier."""

MOST_SMOOTHING, MOST_FACES = 3.0, 2**31 - 1

UNDO_MESSAGE = "SJC: Mesh"

_one_at_a_time = threading.Lock()

refusals: dict[str, SjcError] = {}
"""Errors of the last remesh, by the name of the mesh object."""


@dataclass(frozen=True)
class Cut:
    """A threshold in (0, 1), None for the automatic one, and a smoothing in voxels."""

    threshold: float | None
    smoothing: float


def cut_of(obj: bpy.types.Object) -> Cut:
    """Return the threshold and the smoothing of a mesh."""
    return Cut(
        kept_number(obj, THRESHOLD_PROPERTY, THRESHOLD_SHOWN, 0.0, 1.0),
        kept_number(obj, SMOOTHING_PROPERTY, SMOOTHING, 0.0, MOST_SMOOTHING),
    )


def remesh(
    obj: bpy.types.Object,
    threshold: float | None = None,
    *,
    smoothing: float | None = None,
    faces: int | None = None,
) -> bpy.types.Object:
    """Cut the surface of a result again; its object, materials, modifiers and place stay.

    Parameters
    ----------
    obj : Object, its name, or its job
        The mesh of a job, or its Volume.
    threshold : float or None
        In (0, 1); None takes the automatic one.
    smoothing : float, optional
        Voxels, 0 to 3; None: as before.
    faces : int, optional
        Triangles that a Decimate modifier reduces the mesh to; 0: all. None: as before.

    Returns
    -------
    bpy.types.Object
        The mesh object.

    Raises
    ------
    SjcError
        ``not_a_result``, ``result_folder_missing``, ``no_mesh``, ``no_result``, ``broken_result``, ``empty_field``,
        ``threshold_too_high``, ``mesh_in_use``; the mesh is as it was then.
    """
    mesh = _mesh_object(obj)
    wanted = Cut(threshold, cut_of(mesh).smoothing if smoothing is None else smoothing)
    _apply(mesh, _surface(job_folder_of(obj), wanted), wanted)
    if faces is not None:
        reduce_faces(mesh, faces)
    return mesh


def request_cut(obj: bpy.types.Object, wanted: Cut) -> None:
    """As `remesh`, in the background: of several requests for a mesh the newest is carried out.

    Errors are in `refusals` afterwards.
    """
    mesh = _mesh_object(obj)
    folder, name, job = job_folder_of(obj), mesh.name, job_of(mesh)
    _remember(mesh, wanted)

    def finish(outcome: Surface | SjcError) -> None:
        found = bpy.data.objects.get(name)
        # Undo, another file or a newer request may have come in between.
        if found is None or job_of(found) != job or not _still_wanted(found, wanted):
            return
        if isinstance(outcome, SjcError):
            refusals[name] = outcome
            return
        try:
            _apply(found, outcome, wanted)
        except SjcError as error:
            refusals[name] = error

    background_work.start(f"cut {name}", lambda: _surface(folder, wanted), finish, UNDO_MESSAGE)


def reduce_faces(obj: bpy.types.Object, faces: int) -> None:
    """Reduce a mesh to about that many triangles by a Decimate modifier; 0 removes it."""
    modifier = obj.modifiers.get(REDUCTION)
    if not faces:
        if modifier is not None:
            obj.modifiers.remove(modifier)
        return
    if modifier is None:
        modifier = obj.modifiers.new(REDUCTION, "DECIMATE")
    assert isinstance(modifier, bpy.types.DecimateModifier)
    obj[FACES_PROPERTY] = faces
    mesh = obj.data
    assert isinstance(mesh, bpy.types.Mesh)
    # A face of n corners is n - 2 triangles.
    triangles = len(mesh.loops) - 2 * len(mesh.polygons)
    modifier.ratio = min(1.0, faces / max(triangles, 1))


def face_limit(obj: bpy.types.Object) -> int:
    """Return the argument of the last `reduce_faces`; 0: all faces."""
    modifier = obj.modifiers.get(REDUCTION)
    return 0 if modifier is None else int(kept_number(obj, FACES_PROPERTY, 0, 0, MOST_FACES))


def cutter_of(folder: JobFolder, smoothing: float) -> SurfaceCutter:
    """Return the cutter of a job's field; the last two are cached, for sliders that are dragged."""
    changed = folder.field.stat().st_mtime_ns if folder.has(folder.field) else 0
    with _one_at_a_time:
        return _cutter(os.fspath(folder.path), changed, smoothing)


@functools.lru_cache(maxsize=2)
def _cutter(folder: str, _changed: int, smoothing: float) -> SurfaceCutter:
    job = JobFolder(Path(folder))
    field = read_field(job)
    return SurfaceCutter(field.density, field.rgb, field.voxel_size, smoothing, lowest_view(job.read_spec()))


def _surface(folder: JobFolder, wanted: Cut) -> Surface:
    return cutter_of(folder, wanted.smoothing).cut(wanted.threshold)


def _mesh_object(obj: bpy.types.Object) -> bpy.types.Object:
    mesh = mesh_of(obj)
    if mesh is None:
        raise SjcError("no_mesh", f"The job of {obj.name!r} has no mesh in this file.", "Import its mesh first.")
    return mesh


def _apply(obj: bpy.types.Object, surface: Surface, wanted: Cut) -> None:
    mesh = obj.data
    assert isinstance(mesh, bpy.types.Mesh)
    if mesh.is_editmode or mesh.shape_keys is not None or mesh.library is not None:
        raise SjcError(
            "mesh_in_use",
            f"The mesh {mesh.name!r} cannot be replaced: it is being edited, has shape keys, or is linked.",
            "Leave Edit Mode, delete the shape keys, or make the mesh local.",
        )
    fill_mesh(mesh, MeshArrays(surface.vertices, surface.faces, surface.colours), frame_of(obj))
    _remember(obj, Cut(surface.threshold, wanted.smoothing))
    refusals.pop(obj.name, None)
    if face_limit(obj):
        reduce_faces(obj, face_limit(obj))
    painted = obj.pop(PAINTED_PROPERTY, None)
    if isinstance(painted, bpy.types.Material):
        show_material(obj, painted)


def _remember(obj: bpy.types.Object, wanted: Cut) -> None:
    if wanted.threshold is not None:
        obj[THRESHOLD_PROPERTY] = wanted.threshold
    obj[SMOOTHING_PROPERTY] = wanted.smoothing


def _still_wanted(obj: bpy.types.Object, wanted: Cut) -> bool:
    now = cut_of(obj)
    return now.smoothing == wanted.smoothing and wanted.threshold in (None, now.threshold)
