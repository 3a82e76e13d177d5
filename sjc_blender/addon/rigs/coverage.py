# SPDX-License-Identifier: GPL-3.0-or-later
"""Coverage of a domain by viewpoints: the sphere of directions in cells, and blind sides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...protocol.profile_content import Orbit
from ...protocol.spec import CameraRig, OrbitRig, Range
from ...protocol.views import camera_direction

CELL = 5.0
"""Degrees of a cell of the sphere, in azimuth and in elevation."""

SEEN_WITHIN = 45.0
"""Largest angle in degrees between a side's normal and a viewpoint that sees it."""

JITTER_STEPS = 3
ORBIT_STEPS = 7
ORBIT_TURN = 10.0
"""Sampling of ranges: the number of elevations, and degrees between azimuths."""

GOLDEN_ANGLE = 180 * (3 - 5**0.5)

SIDES = {0.0: "the front (-Y)", 90.0: "the +X side", 180.0: "the back (+Y)", 270.0: "the -X side"}


@dataclass(frozen=True)
class Directions:
    """Directions from which a domain is looked at.

    Attributes
    ----------
    azimuth, elevation : ndarray of shape (V,)
        Degrees.
    share : ndarray of shape (V,)
        How often each is drawn; sums to 1.
    """

    azimuth: np.ndarray
    elevation: np.ndarray
    share: np.ndarray

    @property
    def vectors(self) -> np.ndarray:
        """Unit vectors [V, 3] from the domain's centre towards the viewpoints."""
        return unit_vectors(self.azimuth, self.elevation)


@dataclass(frozen=True)
class BlindSide:
    """A connected part of the sphere that the model could see and no viewpoint does.

    Attributes
    ----------
    name : str
        Such as ``"the back (+Y)"``.
    azimuth : tuple of float or None
        Degrees, from first to last in the positive sense; None if it goes all around.
    elevation : tuple of float
        Degrees.
    share : float
        Of all directions.
    """

    name: str
    azimuth: Range | None
    elevation: Range
    share: float

    def __str__(self) -> str:
        if self.azimuth is None:
            return f"{self.name}: elevation {self.elevation[0]:.0f} to {self.elevation[1]:.0f}"
        return f"{self.name}: azimuth {self.azimuth[0]:.0f} to {self.azimuth[1]:.0f}"


class Sphere:
    """All directions, in cells of `CELL` degrees each way; arrays over it are [elevations, azimuths]."""

    azimuth: np.ndarray = np.arange(0.0, 360.0, CELL) + CELL / 2
    elevation: np.ndarray = np.arange(-90.0, 90.0, CELL) + CELL / 2
    area: np.ndarray = np.repeat(np.cos(np.radians(elevation))[:, None], len(azimuth), axis=1)
    area = area / area.sum()

    @classmethod
    def vectors(cls) -> np.ndarray:
        """Unit vectors [elevations, azimuths, 3] of the cells' centres."""
        azimuth, elevation = np.meshgrid(cls.azimuth, cls.elevation)
        return unit_vectors(azimuth, elevation)

    @classmethod
    def known_to(cls, orbit: Orbit) -> np.ndarray:
        """Return which cells [elevations, azimuths] a model's own viewpoints face directly."""
        return np.broadcast_to(is_known(cls.elevation, orbit)[:, None], cls.area.shape)

    @classmethod
    def seen_from(cls, directions: Directions) -> np.ndarray:
        """Which cells [elevations, azimuths] are seen."""
        return is_seen(cls.vectors().reshape(-1, 3), directions).reshape(cls.area.shape)


def is_seen(vectors: np.ndarray, directions: Directions) -> np.ndarray:
    """Which sides [N], given by unit vectors [N, 3], some viewpoint sees."""
    # Not by a matrix product: that waits for threads of its own, which takes long on a busy machine.
    nearest = np.einsum("ik,jk->ij", vectors, directions.vectors).max(axis=1)
    seen: np.ndarray = nearest >= np.cos(np.radians(SEEN_WITHIN))
    return seen


def is_known(elevation: np.ndarray, orbit: Orbit) -> np.ndarray:
    """Return which sides [N], by elevation in degrees, a model's own viewpoints face directly."""
    low, high = orbit.elevation
    known: np.ndarray = (elevation >= low) & (elevation <= high)
    return known


def unit_vectors(azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
    """Unit vectors [..., 3] of directions in degrees, in the domain's frame."""
    a, e = np.radians(azimuth), np.radians(elevation)
    return np.stack([np.cos(e) * np.sin(a), -np.cos(e) * np.cos(a), np.sin(e)], axis=-1)


def spread(low: float, high: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Azimuths and elevations of points that are spread evenly between two elevations (a golden-angle spiral)."""
    bottom, top = np.sin(np.radians([low, high]))
    index = np.arange(count)
    return index * GOLDEN_ANGLE % 360.0, np.degrees(np.arcsin(bottom + (top - bottom) * (index + 0.5) / count))


def directions_of(rig: OrbitRig | CameraRig) -> Directions:
    """Return the viewpoints of a rig; ranges and jitter are sampled at a few steps."""
    if isinstance(rig, CameraRig):
        return _camera_directions(rig)
    low, high = np.sin(np.radians(rig.elevation))
    elevations = np.degrees(np.arcsin(np.linspace(low, high, ORBIT_STEPS)))
    first, last = rig.azimuth
    steps = max(1, round((last - first) / ORBIT_TURN))
    azimuths = first + (last - first) * (np.arange(steps) + 0.5) / steps if steps > 1 else np.array([first])
    azimuth, elevation = (grid.reshape(-1) for grid in np.meshgrid(azimuths, elevations))
    return Directions(azimuth, elevation, np.full(len(azimuth), 1 / len(azimuth)))


def _camera_directions(rig: CameraRig) -> Directions:
    cameras = [camera for camera in rig.cameras if camera.weight > 0]
    offsets = np.linspace(-rig.jitter, rig.jitter, JITTER_STEPS) if rig.jitter else np.zeros(1)
    about, up = (grid.reshape(-1) for grid in np.meshgrid(offsets, offsets))
    directions = np.array([camera_direction(camera) for camera in cameras])
    weights = np.array([camera.weight for camera in cameras])
    return Directions(
        (directions[:, :1] + about).reshape(-1),
        (directions[:, 1:] + up).reshape(-1),
        np.repeat(weights / weights.sum() / len(about), len(about)),
    )


def blind_sides(blind: np.ndarray) -> list[BlindSide]:
    """Name the connected parts of blind cells [elevations, azimuths], the largest first."""
    sides = [_named(part, blind) for part in _parts(blind)]
    return sorted(sides, key=lambda side: -side.share)


def _parts(cells: np.ndarray) -> Iterator[np.ndarray]:
    """Yield each connected part; azimuths wrap around."""
    left = cells.copy()
    while left.any():
        part = np.zeros_like(left)
        part.flat[np.flatnonzero(left)[0]] = True
        while True:
            grown = part | np.roll(part, 1, axis=1) | np.roll(part, -1, axis=1)
            grown[1:] |= part[:-1]
            grown[:-1] |= part[1:]
            grown &= left
            if (grown == part).all():
                break
            part = grown
        left &= ~part
        yield part


def _named(part: np.ndarray, blind: np.ndarray) -> BlindSide:
    rows = np.flatnonzero(part.any(axis=1))
    elevation = (float(Sphere.elevation[rows[0]] - CELL / 2), float(Sphere.elevation[rows[-1]] + CELL / 2))
    share = float(Sphere.area[part].sum())
    # The arc is that of its widest elevation's half: what is beyond belongs to its rounded corners.
    depth = part.sum(axis=0)
    columns = 2 * depth >= depth.max()
    starts = np.flatnonzero(columns & ~np.roll(columns, 1))
    # Several deep stretches of what goes all round are its scallops between the cameras, not sides.
    if columns.all() or (len(starts) > 1 and depth.all()):
        middle = float((Sphere.area * Sphere.elevation[:, None])[part].sum() / Sphere.area[part].sum())
        return BlindSide("the top" if middle > 0 else "the underside", None, elevation, share)
    lengths = [int(np.argmin(np.roll(columns, -start))) for start in starts]
    count, first = max(zip(lengths, map(int, starts), strict=True))
    azimuth = (first * CELL, (first + count) * CELL)
    return BlindSide(_side_names(azimuth), azimuth, elevation, share)


def _side_names(azimuth: Range) -> str:
    first, last = azimuth
    within = [name for side, name in SIDES.items() if first <= side <= last or first <= side + 360 <= last]
    if within:
        return " and ".join(filter(None, [", ".join(within[:-1]), within[-1]]))
    middle = (first + last) / 2 % 360
    before = middle // 90 * 90
    return f"the corner between {SIDES[before]} and {SIDES[(before + 90) % 360]}"
