# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the feet of a job's result are."""

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
    """The frame of what is imported from a job: the origin under the middle of its surface, where that is lowest.

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
    """Points [N, 3] of the surface, domain units: of the mesh, else of what would be cut from the field."""
    # A mesh that cannot be read is told where it is imported.
    with contextlib.suppress(SjcError):
        return read_mesh(folder).vertices
    field = read_field(folder)
    with contextlib.suppress(SjcError):
        return cutter_of(folder, spec.outputs.mesh_smoothing).cut(spec.outputs.mesh_threshold).vertices
    # Too thin a haze for a surface: what there is of it.
    return _filled_corners(field)


def _filled_corners(field: FieldArrays) -> np.ndarray:
    """Lowest and highest corner [2, 3] of the voxels that hold anything; of the box if none does."""
    filled = np.argwhere(field.density > 0)
    if not len(filled):
        return np.stack([-field.half_extents, field.half_extents])
    return np.stack([filled.min(axis=0), filled.max(axis=0) + 1]) * field.voxel_size - field.half_extents
