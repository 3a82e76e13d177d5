# SPDX-License-Identifier: GPL-3.0-or-later
"""Solidity: the share of light that a ray from outside loses on its way to a point.

A density made for being looked at is no solid. It is a shell, noisy and thin in places, with nothing behind what no
camera sees; cut at one density it is full of holes. Cut where a look from outside has lost a share of its light, the
surface is where the eye puts it, and what is behind it is inside.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

SMOOTHING = 1.0
"""Standard deviation in voxels: closes the pin-holes of a noisy density."""

LARGEST_DEPTH = 1.05
"""Optical depth that one voxel counts for at most. A hard edge then stays where it is when it is smoothed, to a tenth
of a voxel."""

CLEARNESS = 8
"""Exponent of the mean over directions: 1 counts all alike, infinity the clearest one alone.

With the clearest alone one pin-hole digs a tunnel; with the plain mean hollows fill up. Chosen on the built-in objects:
4 does as well on those that were made, but fills more of the exact mug's cavity (`benchmarks.quality.truth`: IoU .61
against .71). The depth above goes with it.
"""

EVERYWHERE = -90.0
"""The lowest camera's elevation where cameras look from everywhere."""

UNSEEN_BELOW = 20.0
"""Degrees below the lowest camera beyond which no light enters."""

LEVEL_SMOOTHING = 0.7
"""Share of the smoothing that is done up and down for what a level look meets.

Along an underside that is lit from the sides alone it grazes the blurred edge all the way, and sees it hang down, by
two voxels with the whole smoothing. With half of it or none the underside is nearer still to where it should be, but
has rings. Gaps that the whole smoothing would fill are closed all the same.
"""

DIRECTIONS = tuple(d for d in itertools.product((-1, 0, 1), repeat=3) if any(d))
"""Towards the faces, edges and corners of a cube."""


def solidity(
    density: Floats, voxel_size: float, smoothing: float = SMOOTHING, lowest_view: float = EVERYWHERE
) -> Floats:
    """Share of the light that a look from outside loses on its way to the centre of each voxel.

    Parameters
    ----------
    density : array [nx, ny, nz]
        Per domain unit, 0 or more.
    voxel_size : float
        In domain units.
    smoothing : float
        Standard deviation of the Gaussian that the density is smoothed by, in voxels.
    lowest_view : float
        Elevation in degrees of the lowest camera that looked at the density, -90 to 90. Nothing is known of an
        underside that none saw, and an object that is open there only is filled, as if it stood on the ground.

    Returns
    -------
    array [nx, ny, nz] float32
        1 - (mean over the directions that are looked from of T^8)^(1/8), in [0, 1), with the transmittance T to the
        outside.
    """
    depth = np.minimum(density * np.float32(voxel_size), np.float32(LARGEST_DEPTH))
    level = blurred(_closed(depth, _reach(smoothing)), smoothing, axes=(0, 1))
    level = blurred(level, LEVEL_SMOOTHING * smoothing, axes=(2,))
    depth = blurred(depth, smoothing)
    clear = np.zeros(depth.shape, dtype=np.float32)
    looked_from = [d for d in DIRECTIONS if _elevation(d) >= lowest_view - UNSEEN_BELOW]
    for steps in (1, 2, 3):
        # To the border of the voxel, and from there to the next centre, in a direction of that many axes.
        for met, is_level in ((depth, False), (level, True)):
            directions = [d for d in looked_from if sum(map(abs, d)) == steps and (d[2] == 0) == is_level]
            half = np.exp(np.float32(-CLEARNESS * math.sqrt(steps) / 2) * met) if directions else met
            for direction in directions:
                _add_transmittance(clear, half, direction)
    return np.asarray(1.0 - (clear / len(looked_from)) ** (1 / CLEARNESS), dtype=np.float32)


def _elevation(direction: tuple[int, ...]) -> float:
    """Degrees above the level of the first two axes."""
    return math.degrees(math.atan2(direction[2], math.hypot(*direction[:2])))


def blurred(values: Floats, deviation: float, axes: Sequence[int] = (0, 1, 2)) -> Floats:
    """Gaussian blur over some axes, with nothing around the array; `deviation` in voxels, 0 for none."""
    if deviation <= 0:
        return values
    reach = _reach(deviation)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    for axis in axes:
        swept = np.moveaxis(values, axis, 0)
        out = weights[reach] * swept
        for offset in range(1, min(reach, len(swept) - 1) + 1):
            out[offset:] += weights[reach + offset] * swept[:-offset]
            out[:-offset] += weights[reach + offset] * swept[offset:]
        values = np.moveaxis(out, 0, axis)
    return np.ascontiguousarray(values)


def _reach(deviation: float) -> int:
    """Voxels that a Gaussian blur reaches."""
    return math.ceil(3 * deviation)


def _closed(values: Floats, reach: int) -> Floats:
    """Gaps along the last axis of up to 2 `reach` between higher values are filled (a morphological closing)."""
    for largest in (np.maximum, np.minimum):
        swept = values.copy()
        for offset in range(1, min(reach, values.shape[-1] - 1) + 1):
            largest(swept[..., offset:], values[..., :-offset], out=swept[..., offset:])
            largest(swept[..., :-offset], values[..., offset:], out=swept[..., :-offset])
        values = swept
    return values


def _add_transmittance(total: Floats, half: Floats, direction: tuple[int, ...]) -> None:
    """Add to `total` what comes to each centre from where `direction` points; `half` passes half a voxel that way."""
    axis = next(axis for axis in range(3) if direction[axis])
    across = [-step for other, step in enumerate(direction) if other != axis]
    layers, sums = np.moveaxis(half, axis, 0), np.moveaxis(total, axis, 0)
    order = range(len(layers)) if direction[axis] < 0 else range(len(layers) - 1, -1, -1)
    arriving = np.ones_like(layers[0])
    for index in order:
        here = arriving * layers[index]
        sums[index] += here
        arriving = _moved(here * layers[index], *across)


def _moved(layer: Floats, rows: int, columns: int) -> Floats:
    """A layer moved by -1, 0 or 1 each way; light comes in at its rim."""
    if not rows and not columns:
        return layer
    moved = np.ones_like(layer)
    height, width = layer.shape
    target = (slice(max(rows, 0), height + min(rows, 0)), slice(max(columns, 0), width + min(columns, 0)))
    source = (slice(max(-rows, 0), height + min(-rows, 0)), slice(max(-columns, 0), width + min(-columns, 0)))
    moved[target] = layer[source]
    return moved
