# SPDX-License-Identifier: GPL-3.0-or-later
"""The feet of a job's result, which become its origin."""

from __future__ import annotations

import contextlib

import numpy as np
from mathutils import Matrix

from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder
from ...protocol.spec import JobSpec
from .object_frame import ObjectFrame
from .remesh import cutter_of
from .result_files import FieldArrays, read_field, read_mesh


def standing_frame(folder: JobFolder, spec: JobSpec) -> ObjectFrame:
    """Return the frame of a job's imported results: the origin is under the surface's middle, at its lowest height.

    It follows from the files of the job alone, so its mesh and its Volume have the same one, whenever they come.

    Raises
    ------
    SjcError
        ``no_result`` or ``broken_result``.
    """
    points = _surface_points(folder, spec)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = float(Matrix(spec.domain.matrix_world).to_scale()[0])
    return ObjectFrame((float(low[0] + high[0]) / 2, float(low[1] + high[1]) / 2, float(low[2])), scale)


def _surface_points(folder: JobFolder, spec: JobSpec) -> np.ndarray:
    """Return points [N, 3] of the surface in domain units: of the mesh, else of a surface cut from the field."""
    # An unreadable mesh is reported by its import.
    with contextlib.suppress(SjcError):
        return read_mesh(folder).vertices
    field = read_field(folder)
    with contextlib.suppress(SjcError):
        return cutter_of(folder, spec.outputs.mesh_smoothing).cut(spec.outputs.mesh_threshold).vertices
    # Too thin a haze for a surface: the occupied voxels.
    return _filled_corners(field)


def _filled_corners(field: FieldArrays) -> np.ndarray:
    """Return the lowest and highest corner [2, 3] of the occupied voxels; of the box if there are none."""
    filled = np.argwhere(field.density > 0)
    if not len(filled):
        return np.stack([-field.half_extents, field.half_extents])
    return np.stack([filled.min(axis=0), filled.max(axis=0) + 1]) * field.voxel_size - field.half_extents
