# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrangement of a batch's results. Knows no bpy."""

from __future__ import annotations

import math

PLACES = ("grid", "row", "domain")
"""Arrangements: in a grid, in a row, or all at their own domain."""

GAP = 1.25
"""Distance between neighbours, as a multiple of the domain's longest side."""


def offsets(place: str, count: int, variants: int, spacing: float) -> list[tuple[float, float]]:
    """Return each result's offset from its domain, in world units, along X and along Y.

    Parameters
    ----------
    place : str
        One of `PLACES`.
    count : int
        How many results.
    variants : int
        How many of them belong to one prompt: a grid's line holds whole prompts, and is about as
        wide as the grid is deep. Lines follow each other away from the viewer, along +Y.
    spacing : float
        World units between neighbours.
    """
    if place == "domain":
        return [(0.0, 0.0)] * count
    columns = count if place == "row" else variants * max(1, round(math.sqrt(count) / variants))
    return [((index % columns) * spacing, (index // columns) * spacing) for index in range(count)]
