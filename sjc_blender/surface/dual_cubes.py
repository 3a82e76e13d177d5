# SPDX-License-Identifier: GPL-3.0-or-later
"""A level set as a closed mesh of quads.

Dual marching cubes (G. M. Nielson, IEEE Visualization 2004, https://doi.org/10.1109/VISUAL.2004.28): a vertex for
each sheet of the surface in each cell, a quad around each crossed edge of the grid. Its quads are nearly square,
where marching cubes leaves slivers. Made manifold after R. Wenger, see `cell_table`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .cell_table import CASES, cell_table

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int32]


def cut(values: Floats, level: float) -> tuple[Floats, Indices]:
    """Separate values above `level` from the rest.

    Parameters
    ----------
    values : array [nx, ny, nz]
        At most `level` in its outermost layer, so that the surface is closed.

    Returns
    -------
    vertices : array [V, 3] float32
        In units of the grid's spacing; value (i, j, k) lies at (i, j, k).
    quads : array [Q, 4] int32
        Counter-clockwise seen from outside. Every edge has two quads, every vertex one ring of them.
    """
    table = cell_table()
    above = values > level
    cases = _cases(above)
    cells = np.flatnonzero((cases != 0) & (cases != CASES - 1))
    rows = cases.ravel()[cells].astype(np.int32)
    number = np.empty(cases.size, dtype=np.int32)  # of a cell, where it is crossed
    number[cells] = np.arange(len(cells), dtype=np.int32)
    rows[_parted(cases, cells, number)] += CASES

    sheets = table.sheets[rows].astype(np.int64)
    first = np.cumsum(sheets) - sheets
    count = int(sheets.sum())
    sums, crossings = np.zeros((3, count)), np.zeros(count)
    quads = []
    strides = np.array([cases.shape[1] * cases.shape[2], cases.shape[2], 1])
    for a in range(3):
        b, c = (a + 1) % 3, (a + 2) % 3
        below = tuple(slice(None, -1) if axis == a else slice(None) for axis in range(3))
        beyond = tuple(slice(1, None) if axis == a else slice(None) for axis in range(3))
        starts = np.argwhere(above[below] != above[beyond])
        low = values[below][tuple(starts.T)]
        points = starts.astype(np.float64)
        points[:, a] += (level - low) / (values[beyond][tuple(starts.T)] - low)
        home = starts @ strides
        corners = []
        # The four cells around the edge, counter-clockwise seen from its end.
        for u, v in ((1, 1), (0, 1), (0, 0), (1, 0)):
            cell = number[home - u * strides[b] - v * strides[c]]
            vertex = first[cell] + table.sheet_of_edge[rows[cell], 4 * a + u + 2 * v]
            corners.append(vertex)
            crossings += np.bincount(vertex, minlength=count)
            for axis in range(3):
                sums[axis] += np.bincount(vertex, weights=points[:, axis], minlength=count)
        ring = np.stack(corners, axis=1)
        leaves = low > level
        quads.append(np.where(leaves[:, None], ring, ring[:, ::-1]))
    return (sums / crossings).T.astype(np.float32), np.concatenate(quads).astype(np.int32)


def _cases(above: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Case of each cell, [nx - 1, ny - 1, nz - 1]."""
    cases = np.zeros([size - 1 for size in above.shape], dtype=np.uint8)
    for corner in range(8):
        part = tuple(slice(1, None) if corner >> axis & 1 else slice(None, -1) for axis in range(3))
        cases |= above[part].view(np.uint8) << np.uint8(corner)
    return cases


def _parted(cases: npt.NDArray[np.uint8], cells: npt.NDArray[np.intp], number: Indices) -> npt.NDArray[np.intp]:
    """Which of the crossed `cells` would meet a neighbour in two edges with the same ends."""
    flat, parting = cases.ravel(), cell_table().parting
    strides = (cases.shape[1] * cases.shape[2], cases.shape[2], 1)
    face = parting[flat[cells]]
    parted = []
    for axis, stride in enumerate(strides):
        # A cell at the grid's end has nothing inside on that side, and no such face there.
        here = cells[face == 2 * axis + 1]
        both = here[parting[flat[here + stride]] == 2 * axis]
        parted += [number[both], number[both + stride]]
    return np.concatenate(parted)
