# SPDX-License-Identifier: GPL-3.0-or-later
"""A texture of a surface: for each pixel the place on the surface that it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

MARGIN = 2
"""Pixels around a piece that continue its colours."""

PIXELS_AT_ONCE = 1 << 20
INSIDE = -1e-6


@dataclass(frozen=True)
class TexturePlaces:
    """Which triangle each pixel shows, and where.

    Attributes
    ----------
    triangle : array [size, size] int32
        Row 0 at the bottom; -1 where the pixel shows nothing.
    weights : array [size, size, 3] float32
        Of the triangle's corners; they add up to 1.
    """

    triangle: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]

    def values(self, of_corners: Floats) -> Floats:
        """Values [M, C] at the pixels that show something, in the order of ``triangle >= 0``.

        Parameters
        ----------
        of_corners : array [T, 3, C]
            At the corners of each triangle, interpolated in between.
        """
        shown = self.triangle >= 0
        return np.asarray(np.einsum("mk,mkc->mc", self.weights[shown], of_corners[self.triangle[shown]]))


def texture_places(uv: Floats, size: int) -> TexturePlaces:
    """Find what every pixel of a texture shows.

    Parameters
    ----------
    uv : array [T, 3, 2]
        Corners of the triangles in the unit square.
    size : int
        Pixels along a side.
    """
    triangle = np.full(size * size, -1, dtype=np.int32)
    weights = np.zeros((size * size, 3), dtype=np.float32)
    corners = uv.astype(np.float64) * size - 0.5
    low = np.clip(np.floor(corners.min(axis=1)) - MARGIN, 0, size - 1).astype(np.int64)
    spans = np.clip(np.ceil(corners.max(axis=1)) + MARGIN, 0, size - 1).astype(np.int64) - low + 1
    counts = spans.prod(axis=1)
    chunk_of = np.cumsum(counts) // PIXELS_AT_ONCE
    chunks = [np.flatnonzero(chunk_of == number) for number in np.unique(chunk_of)]
    for chunk in chunks:
        which = np.repeat(chunk, counts[chunk])
        number = np.arange(len(which)) - np.repeat(np.cumsum(counts[chunk]) - counts[chunk], counts[chunk])
        pixels = low[which] + np.stack([number % spans[which, 0], number // spans[which, 0]], axis=1)
        at = pixels[:, 1] * size + pixels[:, 0]
        shares = _barycentric(corners[which], pixels)
        inside = shares.min(axis=1) >= INSIDE
        # What lies in a triangle goes before what is only near one.
        near = np.flatnonzero(~inside & (triangle[at] < 0))
        clipped = np.clip(shares[near], 0.0, None)
        clipped /= np.maximum(clipped.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        nearest = np.einsum("mk,mkc->mc", clipped, corners[which[near]])
        close = np.abs(nearest - pixels[near]).max(axis=1) <= MARGIN
        triangle[at[near[close]]], weights[at[near[close]]] = which[near[close]], clipped[close]
        triangle[at[inside]], weights[at[inside]] = which[inside], shares[inside]
    return TexturePlaces(triangle.reshape(size, size), weights.reshape(size, size, 3))


def _barycentric(corners: Floats, points: Floats) -> Floats:
    """Weights [M, 3] of the corners [M, 3, 2] that give the points [M, 2]; negative outside, and in a flat triangle."""
    a, b, c = (corners[:, i] for i in range(3))
    ab, ac, ap = b - a, c - a, points - a
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    flat = np.abs(area) < 1e-12
    area = np.where(flat, 1.0, area)
    second = np.where(flat, -1.0, (ap[:, 0] * ac[:, 1] - ap[:, 1] * ac[:, 0]) / area)
    third = np.where(flat, -1.0, (ab[:, 0] * ap[:, 1] - ab[:, 1] * ap[:, 0]) / area)
    return np.stack([1.0 - second - third, second, third], axis=1)
