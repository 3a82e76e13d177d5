# SPDX-License-Identifier: GPL-3.0-or-later
"""Quads that are folded, so that one of their triangles faces into the solid: where they are, and a field without them.

Sheets thinner than a voxel that bend sharply make them, a quad in a million. A program that cuts quads into triangles
makes a dark spot of each.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .quad_mesh import normals
from .solidity import blurred

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int32]

REACH = 2
"""Voxels around a folded quad in which a field is smoothed."""

SMOOTHING = 1.0
"""Standard deviation of that, in voxels."""


def folded(vertices: Floats, quads: Indices) -> npt.NDArray[np.bool_]:
    """Which quads [Q] have, cut along either diagonal, a triangle that faces away from its corners' normals."""
    corners, facing = vertices[quads], normals(vertices, quads)[quads]
    found = np.zeros(len(quads), dtype=np.bool_)
    for at in range(4):
        before, after = (at - 1) % 4, (at + 1) % 4
        here = corners[:, at]
        outward = facing[:, before] + facing[:, at] + facing[:, after]
        found |= np.einsum("qi,qi->q", np.cross(corners[:, after] - here, corners[:, before] - here), outward) < 0
    return found


def smoothed_at(values: Floats, points: Floats) -> Floats:
    """Smooth values [nx, ny, nz] around points [N, 3], in units of their spacing; the outermost layer stays."""
    near = np.zeros(values.shape, dtype=np.bool_)
    near[tuple(np.rint(points).astype(np.int64).reshape(-1, 3).T)] = True
    for axis in range(3):
        for _ in range(REACH):
            swept = np.moveaxis(near, axis, 0)
            swept[1:] |= swept[:-1].copy()
            swept[:-1] |= swept[1:].copy()
    for axis in range(3):
        np.moveaxis(near, axis, 0)[[0, -1]] = False
    return np.where(near, blurred(values, SMOOTHING), values)
