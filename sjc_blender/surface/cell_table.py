# SPDX-License-Identifier: GPL-3.0-or-later
"""How a surface passes through one cell of a grid, for each of the 256 cases of which corners are inside.

Corner ``x + 2 y + 4 z`` of a cell is bit ``x + 2 y + 4 z`` of its case. Edge ``4 a + u + 2 v`` runs along axis
a from the corner at u along axis (a + 1) % 3 and v along axis (a + 2) % 3. Face ``2 a + s`` is the one at s along
axis a.

On a face with two inside corners at the ends of a diagonal the surface passes between them. Seen from the cells on
both sides that is the same, so the sheets of neighbouring cells always meet.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

EDGES, FACES, CASES = 12, 6, 256


@dataclass(frozen=True)
class CellTable:
    """Sheets of the surface in a cell. Rows 0 to 255 are the cases; row 256 + c is case c parted, see `parting`.

    Attributes
    ----------
    sheet_of_edge : array [512, 12] int8
        Which of the cell's sheets crosses an edge; -1: none.
    sheets : array [512] int8
        How many there are, 0 to 4.
    parting : array [256] int8
        The face on which one sheet passes twice, so that it would meet a neighbour which does the same in two
        edges with the same ends (R. Wenger, Isosurfaces, 2013, section 3.3.5); -1: none. A *parted* cell joins
        the inside corners of that face instead, which makes two sheets of the one.
    """

    sheet_of_edge: npt.NDArray[np.int8]
    sheets: npt.NDArray[np.int8]
    parting: npt.NDArray[np.int8]


@functools.cache
def cell_table() -> CellTable:
    """Build the table; it takes some milliseconds, once."""
    sheet_of_edge = np.full((2 * CASES, EDGES), -1, dtype=np.int8)
    parting = np.full(CASES, -1, dtype=np.int8)
    for case in range(CASES):
        sheet_of_edge[case] = _sheets(case, joined_face=None)
        passed_twice = [face for face in range(FACES) if _passed_twice(case, face, sheet_of_edge[case])]
        assert len(passed_twice) <= 1
        parting[case] = passed_twice[0] if passed_twice else -1
        sheet_of_edge[CASES + case] = _sheets(case, joined_face=passed_twice[0] if passed_twice else None)
    return CellTable(sheet_of_edge, (sheet_of_edge.max(axis=1) + 1).astype(np.int8), parting)


def _sheets(case: int, joined_face: int | None) -> list[int]:
    """Number the sheets: edges whose crossings are linked on any face belong to one."""
    sheet = list(range(EDGES))
    crossed = set()
    for face in range(FACES):
        for first, second in _segments(case, face, joined=face == joined_face):
            crossed |= {first, second}
            sheet = [sheet[first] if other == sheet[second] else other for other in sheet]
    numbers = {root: number for number, root in enumerate(sorted({sheet[edge] for edge in crossed}))}
    return [numbers[sheet[edge]] if edge in crossed else -1 for edge in range(EDGES)]


def _segments(case: int, face: int, joined: bool) -> list[tuple[int, int]]:
    """Pairs of the face's edges that the surface links, each cutting off one or two corners."""
    corners, edges = _ring(face)
    inside = [bool(case >> corner & 1) for corner in corners]
    crossed = [edges[i] for i in range(4) if inside[i] != inside[i - 3]]
    if len(crossed) < 4:
        return [(crossed[0], crossed[1])] if crossed else []
    # Edge i runs from corner i to i + 1: edges i - 1 and i cut off corner i.
    return [(edges[i - 1], edges[i]) for i in range(4) if inside[i] != joined]


def _passed_twice(case: int, face: int, sheet_of_edge: npt.NDArray[np.int8]) -> bool:
    segments = _segments(case, face, joined=False)
    return len(segments) == 2 and sheet_of_edge[segments[0][0]] == sheet_of_edge[segments[1][0]]


def _ring(face: int) -> tuple[list[int], list[int]]:
    """The four corners of a face in a round, and the edges from each to the next."""
    a, side = divmod(face, 2)
    b, c = (a + 1) % 3, (a + 2) % 3
    base = side << a
    corners = [base, base | 1 << b, base | 1 << b | 1 << c, base | 1 << c]
    # An edge along b is at its place along c and a; one along c at its place along a and b.
    edges = [4 * b + 2 * side, 4 * c + side + 2, 4 * b + 1 + 2 * side, 4 * c + side]
    return corners, edges
