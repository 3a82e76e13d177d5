"""What both sides know of a proxy: the grid it is laid on, its digest, and what a job has otherwise with one."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence

from .spec import FieldSpec, ProxySpec


def grid_shape(half_extents: Sequence[float], resolution: int) -> tuple[int, int, int]:
    """Voxels along each side of a box of these half sides (domain units), `resolution` along the longest one."""
    nx, ny, nz = (max(1, round(float(extent) * resolution)) for extent in half_extents)
    return nx, ny, nz


def occupancy_digest(shape: Sequence[int], occupancy: bytes) -> str:
    """SHA-256 of an occupancy: its shape, and one byte a voxel (0 or 1) in C order."""
    digest = hashlib.sha256(" ".join(map(str, shape)).encode())
    digest.update(occupancy)
    return digest.hexdigest()


def with_proxy(field: FieldSpec, proxy: ProxySpec) -> FieldSpec:
    """The settings of a field that keeps to a proxy: without the coarsest grid, whose shape is there already.

    There a run finds where the object is; what a proxy tells of thin parts is lost on it. Looseness 1 changes nothing.
    """
    stages = field.stages
    if proxy.looseness < 1:
        stages = ((0.0, stages[1][1]), *stages[2:]) if len(stages) > 2 else ()
    return dataclasses.replace(field, proxy=proxy, stages=stages)
