# SPDX-License-Identifier: GPL-3.0-or-later
"""A mesh laid out flat for a texture: pieces seen along the axes, side by side in the unit square."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from .connected_parts import connected_parts

Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.integer[Any]]

GAP = 4
"""Pixels between pieces, so that neither filtering nor small mipmaps mix them."""


def unwrap(corners: Floats, corner_face: Indices, corner_vertex: Indices, directions: Floats, size: int) -> Floats:
    """Places in a texture for every corner of every face.

    Adjacent faces that look the same way along an axis form one chart, projected along that axis. All charts
    have one scale.

    Parameters
    ----------
    corners : array [L, 3]
        Positions, the corners of a face one after the other.
    corner_face, corner_vertex : int arrays [L]
        Which face and which vertex a corner belongs to; faces are numbered from 0 in order.
    directions : array [F, 3]
        Where each face looks; smoothed directions give fewer charts.
    size : int
        Pixels along a side of the texture.

    Returns
    -------
    array [L, 2] float32
        In [0, 1].
    """
    axis = np.abs(directions).argmax(axis=1)
    facing = np.take_along_axis(directions, axis[:, None], axis=1)[:, 0] > 0
    chart = _charts(2 * axis + facing, corner_face, corner_vertex)
    a = axis[corner_face]
    rows = np.arange(len(corners))
    u, v = corners[rows, (a + 1) % 3], corners[rows, (a + 2) % 3]
    flat = np.stack([np.where(facing[corner_face], u, -u), v], axis=1)
    of_corner = chart[corner_face]
    low = np.full((chart.max() + 1, 2), np.inf)
    high = -low
    np.minimum.at(low, of_corner, flat)
    np.maximum.at(high, of_corner, flat)
    extents = high - low
    places, side = _packed(extents, size)
    return np.asarray((flat - low[of_corner] + places[of_corner]) / side, dtype=np.float32)


def _charts(group: Indices, corner_face: Indices, corner_vertex: Indices) -> Indices:
    """Number of the chart of each face: faces of one group that share an edge."""
    starts = np.flatnonzero(np.diff(corner_face, prepend=-1))
    following = np.arange(1, len(corner_face) + 1)
    following[np.append(starts[1:], len(corner_face)) - 1] = starts
    ends = np.sort(np.stack([corner_vertex, corner_vertex[following]], axis=1), axis=1)
    order = np.lexsort((ends[:, 1], ends[:, 0]))
    same = (ends[order[:-1]] == ends[order[1:]]).all(axis=1)
    first, second = corner_face[order[:-1][same]], corner_face[order[1:][same]]
    joined = group[first] == group[second]
    return connected_parts(len(group), np.stack([first[joined], second[joined]], axis=1))


def _packed(extents: Floats, size: int) -> tuple[Floats, float]:
    """Lower left corners of boxes [C, 2] in rows, and the side of the square that holds them with a gap around each."""
    largest = math.sqrt(float(extents.prod(axis=1).sum())) * 2 + float(extents.max())
    gap = GAP * largest / size
    trials = [_in_rows(extents, share * largest, gap) for share in (0.4, 0.5, 0.6, 0.7, 0.8, 1.0)]
    return min(trials, key=lambda trial: trial[1])


def _in_rows(extents: Floats, width: float, gap: float) -> tuple[Floats, float]:
    places = np.zeros_like(extents)
    x, y, height, right = gap, gap, 0.0, 0.0
    for index in np.argsort(-extents[:, 1]):
        wide, high = extents[index]
        if x + wide + gap > width and x > gap:
            x, y, height = gap, y + height + gap, 0.0
        places[index] = x, y
        x, height = x + wide + gap, max(height, high)
        right = max(right, x)
    return places, max(right, y + height + gap)
