# SPDX-License-Identifier: GPL-3.0-or-later
"""Components and normals of a closed mesh of quads."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .connected_parts import connected_parts

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int32]

SMALLEST_SHARE = 0.02
"""A part with less than this share of the largest part's area is a floater."""


def edges(quads: Indices) -> npt.NDArray[np.int64]:
    """Every edge of every quad [4 Q, 2], in the direction in which its quad runs through it."""
    return np.concatenate([quads[:, [i, (i + 1) % 4]] for i in range(4)]).astype(np.int64)


def is_closed(quads: Indices, count: int) -> bool:
    """Return whether every edge is shared by exactly two consistently oriented quads of `count` vertices."""
    forth, back = edges(quads) @ [count, 1], edges(quads) @ [1, count]
    return len(np.unique(forth)) == len(forth) and np.array_equal(np.sort(forth), np.sort(back))


def parts(quads: Indices, count: int) -> npt.NDArray[np.int64]:
    """Return the component, numbered from 0, of each of `count` vertices."""
    return connected_parts(count, quads[:, [[0, 1], [1, 2], [2, 3]]].reshape(-1, 2).astype(np.int64))


def solid_parts(vertices: Floats, quads: Indices) -> tuple[Floats, Indices]:
    """The mesh without floaters and without the walls of enclosed cavities."""
    part = parts(quads, len(vertices))
    corners = vertices[quads].astype(np.float64)
    doubled = _doubled_areas(corners)
    of_quad = part[quads[:, 0]]
    areas = np.bincount(of_quad, weights=np.linalg.norm(doubled, axis=1))
    # Six times the volume: a cavity's wall faces inwards, which makes it negative.
    volumes = np.bincount(of_quad, weights=np.einsum("qi,qi->q", corners.mean(axis=1), doubled))
    stays = (areas >= SMALLEST_SHARE * areas.max()) & (volumes > 0)
    kept = stays[part]
    return vertices[kept], (np.cumsum(kept) - 1)[quads[stays[of_quad]]].astype(np.int32)


def normals(vertices: Floats, quads: Indices) -> Floats:
    """Unit vertex normals [V, 3], the mean of the quads around each weighted by their area."""
    doubled = _doubled_areas(vertices[quads].astype(np.float64))
    corners, count = quads.ravel(), len(vertices)
    sums = np.stack([np.bincount(corners, np.repeat(doubled[:, i], 4), count) for i in range(3)], axis=1)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.asarray(sums / np.maximum(lengths, np.finfo(np.float64).tiny), dtype=np.float32)


def _doubled_areas(corners: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Normal of each quad [Q, 3], as long as twice its area."""
    return np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
