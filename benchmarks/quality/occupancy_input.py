"""Filled voxels as a file of a job's folder: a proxy, a region, as the add-on lays them there."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.quality.shape import Mask
from sjc_blender.protocol.atomic_write import atomic_path
from sjc_blender.protocol.proxy import occupancy_digest


def digest_of(filled: Mask) -> str:
    """Identity of filled voxels [nx, ny, nz] in a job's settings."""
    return occupancy_digest(filled.shape, filled.astype(np.uint8).tobytes())


def write_occupancy(path: Path, filled: Mask) -> None:
    """Write ``proxy.npz`` or ``region.npz``; SjcError as `atomic_path`."""
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, version=np.int64(1), occupancy=filled.astype(np.uint8))
