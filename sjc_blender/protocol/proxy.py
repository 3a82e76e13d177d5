# SPDX-License-Identifier: GPL-3.0-or-later
"""The grid of a proxy, and its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def grid_shape(half_extents: Sequence[float], resolution: int) -> tuple[int, int, int]:
    """Voxels along each side of a box of these half sides (domain units), `resolution` along the longest one."""
    nx, ny, nz = (max(1, round(float(extent) * resolution)) for extent in half_extents)
    return nx, ny, nz


def occupancy_digest(shape: Sequence[int], occupancy: bytes) -> str:
    """SHA-256 of an occupancy: its shape, and one byte a voxel (0 or 1) in C order."""
    digest = hashlib.sha256(" ".join(map(str, shape)).encode())
    digest.update(occupancy)
    return digest.hexdigest()
