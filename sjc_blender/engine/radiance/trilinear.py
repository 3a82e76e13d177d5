# SPDX-License-Identifier: GPL-3.0-or-later
"""Trilinear look-ups in a voxel grid."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

_CPU_PARTS = 2


def interpolate(grid: Tensor, points: Tensor, half_extents: Tensor) -> Tensor:
    """Read a grid between its voxel centres.

    Voxel (i, j, k) has its centre at -half_extents + (index + 1/2) * voxel_size. In the outer half
    voxel, and beyond it, the values of the outermost centres are kept.

    Parameters
    ----------
    grid : Tensor [C, nx, ny, nz]
    points : Tensor [M, 3]
        Domain units.
    half_extents : Tensor [3]
        Of the box that the voxels fill.

    Returns
    -------
    Tensor [M, C]
    """
    channels, count = len(grid), len(points)
    # grid_sample uses one thread for each item of a batch, forth and back. The number of parts is
    # fixed, so that sums are in the same order, and runs repeat, on any number of cores.
    parts = _CPU_PARTS if points.device.type == "cpu" else 1
    part = -(-count // parts)
    coordinates = (points / half_extents).flip(-1)
    coordinates = functional.pad(coordinates, (0, 0, 0, parts * part - count)).view(parts, 1, 1, part, 3)
    values = functional.grid_sample(
        grid.expand(parts, -1, -1, -1, -1), coordinates, padding_mode="border", align_corners=False
    )
    return values.transpose(0, 1).reshape(channels, parts * part)[:, :count].T
