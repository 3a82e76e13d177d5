# SPDX-License-Identifier: GPL-3.0-or-later
"""Voxelisation of triangle meshes with NumPy.

Along each axis, every column of voxel centres is a ray; where it meets triangles, what is behind them turns from
outside to inside or back. Two of the three axes decide, so that a ray that grazes an edge does no harm.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

GRAZE = (2.3e-6, 3.7e-6)
"""Offset of rays from voxel centres, in voxels, so that they do not run along edges of axis-aligned shapes."""

WELD = 1e-6
"""Distance in domain units below which vertices are merged."""

HASH = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)
"""Random odd factors of a hash: of a million positions, two collide with a probability of 10^-7."""

CHUNK = 2_000_000
"""Pairs of a triangle and a ray processed at a time."""


class Closure(Enum):
    """Whether a surface is open, closed, or oriented."""

    ORIENTED = "closed, and all faces turned to the same side"
    CLOSED = "closed"
    OPEN = "open"


@dataclass(frozen=True)
class Surface:
    """Triangles in domain units.

    Attributes
    ----------
    vertices : ndarray of shape (V, 3)
    triangles : ndarray of int of shape (F, 3)
    """

    vertices: np.ndarray
    triangles: np.ndarray

    @property
    def closure(self) -> Closure:
        """Whether it has borders, and whether its faces agree on which side is out."""
        rounded = np.round(self.vertices / WELD).astype(np.int64).astype(np.uint64)
        # One number per position: sorting numbers is many times faster than sorting rows.
        _, welded = np.unique((rounded * HASH).sum(axis=1, dtype=np.uint64), return_inverse=True)
        corners = welded[self.triangles]
        edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
        edges = edges[edges[:, 0] != edges[:, 1]].astype(np.int64)
        count = len(self.vertices)
        forth, back = edges[:, 0] * count + edges[:, 1], edges[:, 1] * count + edges[:, 0]
        if np.array_equal(np.sort(forth), np.sort(back)):
            return Closure.ORIENTED
        _, faces_at_edge = np.unique(np.minimum(forth, back), return_counts=True)
        return Closure.CLOSED if (faces_at_edge % 2 == 0).all() else Closure.OPEN


def occupancy(surface: Surface, closure: Closure, shape: tuple[int, int, int], voxel_size: float) -> np.ndarray:
    """Fill a surface.

    An oriented surface is filled where it winds around a point, so that closed parts may overlap; another closed one
    by parity, where they may not. Of an open one the voxels that it passes through are taken, and those inside by
    the rays that meet it an even number of times.

    Parameters
    ----------
    closure : Closure
        Of that surface, or a lesser one.
    shape : tuple of int
        Voxels of the grid, which is centred at 0.
    voxel_size : float
        Domain units.

    Returns
    -------
    ndarray of bool of that shape
    """
    # In voxels: the centre of voxel i is at i.
    corners = surface.vertices[surface.triangles] / voxel_size + (np.array(shape) - 1) / 2
    inside = np.zeros(shape, dtype=np.int8)
    votes = np.zeros(shape, dtype=np.int8)
    shell = np.zeros(shape, dtype=bool)
    for axis in range(3):
        order = [axis, (axis + 1) % 3, (axis + 2) % 3]
        turned = (shape[order[0]], shape[order[1]], shape[order[2]])
        depth, column, sign = _crossings(corners[:, :, order], turned)
        step = sign if closure is Closure.ORIENTED else np.ones_like(sign)
        columns = turned[1] * turned[2]
        first = np.clip(np.ceil(depth), 0, turned[0]).astype(np.int64)
        turns = np.bincount(first * columns + column, weights=step, minlength=(turned[0] + 1) * columns)
        turns = np.cumsum(np.round(turns).astype(np.int32).reshape(turned[0] + 1, *turned[1:]), axis=0)
        filled = turns != 0 if closure is Closure.ORIENTED else turns % 2 == 1
        # A ray that ends inside has left through a hole and does not count.
        sound = np.broadcast_to(~filled[-1], filled[:-1].shape)
        back = np.argsort(order)
        inside += (filled[:-1] & sound).transpose(back)
        votes += sound.transpose(back)
        if closure is Closure.OPEN:
            there = np.round(depth).astype(np.int64)
            seen = (there >= 0) & (there < turned[0])
            part = np.zeros(turned, dtype=bool)
            part.reshape(-1)[there[seen] * columns + column[seen]] = True
            shell |= part.transpose(back)
    return shell | (2 * inside > votes)


def _crossings(corners: np.ndarray, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where rays along the first axis meet triangles [F, 3 corners, 3].

    Returns
    -------
    depth, column, sign : ndarray
        One entry a meeting: coordinate along the ray; which ray, counted through the other two axes; +1 or -1 by
        the side of the triangle that is met.
    """
    plane = corners[:, :, 1:] + np.array(GRAZE)
    low = np.clip(np.ceil(plane.min(axis=1)), 0, None).astype(np.int64)
    high = np.minimum(np.floor(plane.max(axis=1)).astype(np.int64), np.array(shape[1:]) - 1)
    sizes = np.clip(high - low + 1, 0, None)
    counts = sizes[:, 0] * sizes[:, 1]
    met = np.flatnonzero(counts)
    found = []
    # Few enough pairs at a time that a mesh of any size fits into memory.
    groups = np.cumsum(counts[met]) // CHUNK
    for group in np.unique(groups):
        chosen = met[groups == group]
        pair = np.repeat(chosen, counts[chosen])
        within = np.arange(len(pair)) - np.repeat(np.cumsum(counts[chosen]) - counts[chosen], counts[chosen])
        u = low[pair, 0] + within // sizes[pair, 1]
        v = low[pair, 1] + within % sizes[pair, 1]
        found.append(_meetings(corners, plane, pair, u, v, shape[2]))
    if not found:
        return np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(0)
    depth, column, sign = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return depth, column, sign


def _meetings(
    corners: np.ndarray, plane: np.ndarray, pair: np.ndarray, u: np.ndarray, v: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which of the rays (u, v) meet their triangle, by barycentric coordinates."""
    (ax, ay), (bx, by), (cx, cy) = (plane[pair, corner].T for corner in range(3))
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    to_a = (bx - u) * (cy - v) - (by - v) * (cx - u)
    to_b = (cx - u) * (ay - v) - (cy - v) * (ax - u)
    to_c = (ax - u) * (by - v) - (ay - v) * (bx - u)
    sign = np.sign(area)
    meets = (to_a * sign >= 0) & (to_b * sign >= 0) & (to_c * sign >= 0) & (area != 0)
    shares = np.stack([to_a, to_b, to_c], axis=1)[meets] / area[meets, None]
    depth = (shares * corners[pair[meets], :, 0]).sum(axis=1)
    return depth, (u * width + v)[meets], sign[meets]
