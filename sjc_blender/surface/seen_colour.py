# SPDX-License-Identifier: GPL-3.0-or-later
"""The colour of a surface, as a ray accumulates it on its way through."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .solidity import blurred

Floats = npt.NDArray[np.floating[Any]]

OUTSIDE, INSIDE, STEP = 1.5, 2.5, 0.5
"""Where the ray begins and ends, and how far apart its samples are, in voxels from the surface."""

BLUR = 1.0
COARSE = 4
NEAR_SHARE, FAR_SHARE = 1e-2, 1e-4
"""What is around a place, within some voxels and within some coarse ones, colours it where the ray meets no matter.
So small a share of it changes nothing where the ray does."""

POINTS_AT_ONCE = 1 << 14


class SeenColour:
    """Colours of points near a field's surface.

    Parameters
    ----------
    density : array [nx, ny, nz]
        Per domain unit.
    rgb : array [nx, ny, nz, 3]
        Linear.
    voxel_size : float
        In domain units.
    """

    def __init__(self, density: Floats, rgb: Floats, voxel_size: float) -> None:
        opacity = -np.expm1(-density * np.float32(voxel_size))
        # Colours weighted by matter: that of empty voxels is arbitrary, and must not show.
        weighted = np.concatenate([rgb * opacity[..., None], opacity[..., None]], axis=-1).astype(np.float32)
        self._matter = weighted
        self._near = NEAR_SHARE * blurred(weighted, BLUR)
        self._far = FAR_SHARE * blurred(_coarse(weighted), BLUR)
        self._far[..., 3] += np.finfo(np.float32).tiny

    def at(self, points: Floats, normals: Floats) -> Floats:
        """Linear RGB [M, 3] in [0, 1] of points [M, 3] in voxel indices, looked at against their normals [M, 3]."""
        colours = np.empty((len(points), 3), dtype=np.float32)
        for start in range(0, len(points), POINTS_AT_ONCE):
            chunk = slice(start, start + POINTS_AT_ONCE)
            colours[chunk] = self._gathered(points[chunk], normals[chunk])
        return colours

    def _gathered(self, points: Floats, normals: Floats) -> Floats:
        sums = interpolated(self._near, points) + interpolated(self._far, (points + 0.5) / COARSE - 0.5)
        passing = np.ones((len(points), 1), dtype=np.float32)
        for distance in np.arange(OUTSIDE, -INSIDE - STEP / 2, -STEP, dtype=np.float32):
            met = interpolated(self._matter, points + distance * normals)
            through = np.maximum(1.0 - met[:, 3:], 0.0) ** np.float32(STEP)
            share = passing * (1.0 - through) / np.maximum(met[:, 3:], np.finfo(np.float32).tiny)
            sums += share * met
            passing = passing * through
        return np.clip(sums[:, :3] / sums[:, 3:], 0.0, 1.0)


def _coarse(grid: Floats) -> Floats:
    """Means over cubes of voxels."""
    nx, ny, nz, channels = grid.shape
    padded = np.pad(grid, [(0, -size % COARSE) for size in (nx, ny, nz)] + [(0, 0)])
    blocks = [part for size in padded.shape[:3] for part in (size // COARSE, COARSE)]
    return np.asarray(padded.reshape(*blocks, channels).mean(axis=(1, 3, 5)))


def interpolated(grid: Floats, points: Floats) -> Floats:
    """Trilinear look-up [M, C] in a grid [nx, ny, nz, C] at points [M, 3] in voxel indices; beyond it, its rim."""
    shape = np.array(grid.shape[:3])
    at = np.clip(points, 0, shape - 1)
    low = np.minimum(at.astype(np.intp), np.maximum(shape - 2, 0))
    share = (at - low).astype(np.float32)
    flat = grid.reshape(-1, grid.shape[3])
    _, ny, nz = grid.shape[:3]
    strides = np.where(shape > 1, (ny * nz, nz, 1), 0)
    base = low @ np.array([ny * nz, nz, 1])
    values = np.zeros((len(points), grid.shape[3]), dtype=np.float32)
    for corner in range(8):
        weight = np.ones(len(points), dtype=np.float32)
        offset = 0
        for axis in range(3):
            high = corner >> axis & 1
            weight *= share[:, axis] if high else 1.0 - share[:, axis]
            offset += int(strides[axis]) * high
        values += weight[:, None] * flat[base + offset]
    return values
