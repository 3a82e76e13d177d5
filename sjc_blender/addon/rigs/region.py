# SPDX-License-Identifier: GPL-3.0-or-later
"""The region of an orbit that cameras span, in which viewpoints are drawn freely."""

from __future__ import annotations

import math

from ...protocol.spec import Camera, CameraRig, OrbitRig, Range
from ...protocol.views import camera_direction
from .camera import UnusableCamera, unusable_cameras

POLE = 89.9
"""Elevation in degrees beyond which a camera has no azimuth of its own."""


def region_of(rig: CameraRig, where: str) -> OrbitRig:
    """Return the ranges of direction, distance and field of view that cameras span.

    Azimuths are the shortest arc that holds all cameras; past +-180 it goes on counting, as in (150, 250).
    Cameras of weight 0 do not count. A camera's shift and roll are not kept: a region looks at the centre, upright.

    Parameters
    ----------
    where : str
        What messages call the rig.

    Raises
    ------
    SjcError
        ``unusable_cameras`` with those that are orthographic or do not have the domain's centre in their picture.
    """
    cameras = [camera for camera in rig.cameras if camera.weight > 0]
    unusable = [trouble for camera in cameras if (trouble := _trouble(camera)) is not None]
    if unusable:
        raise unusable_cameras(where, unusable)
    directions = [camera_direction(camera) for camera in cameras]
    return OrbitRig(
        distance=_range([math.dist((0, 0, 0), _eye(camera)) for camera in cameras]),
        azimuth=shortest_arc([azimuth for azimuth, elevation in directions if abs(elevation) < POLE] or [0.0]),
        elevation=_range([elevation for _azimuth, elevation in directions]),
        field_of_view=_range([field_of_view(camera) for camera in cameras]),
    )


def shortest_arc(azimuths: list[float]) -> Range:
    """First and last degree, first to last turning in the positive sense, of the shortest arc with all of these."""
    turned = sorted({azimuth % 360.0 for azimuth in azimuths})
    gaps = [(after - before) % 360.0 or 360.0 for before, after in zip(turned, turned[1:] + turned[:1], strict=True)]
    last = gaps.index(max(gaps))
    start = turned[(last + 1) % len(turned)]
    end = start + 360.0 - gaps[last]
    # Between -180 and 180 where the arc does not cross the seam behind the domain.
    return (start - 360.0, end - 360.0) if start >= 180.0 or end > 360.0 else (start, end)


def field_of_view(camera: Camera) -> float:
    """Degrees that a perspective camera's square picture spans, as if it were not shifted."""
    left, right, _bottom, _top = camera.window
    return math.degrees(2 * math.atan((right - left) / 2))


def _trouble(camera: Camera) -> UnusableCamera | None:
    if camera.projection == "orthographic":
        return UnusableCamera(camera.name, "is orthographic, which has no region", "make it perspective")
    x, y, z = (
        -sum(row[axis] * row[3] for row in camera.pose[:3]) for axis in range(3)
    )  # the domain's centre as the camera sees it
    left, right, bottom, top = camera.window
    if z < 0 and left < x / -z < right and bottom < y / -z < top:
        return None
    return UnusableCamera(camera.name, "does not look at the domain's centre", "turn it there")


def _eye(camera: Camera) -> tuple[float, float, float]:
    x, y, z = (row[3] for row in camera.pose[:3])
    return x, y, z


def _range(values: list[float]) -> Range:
    return min(values), max(values)
