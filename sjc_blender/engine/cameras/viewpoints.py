# SPDX-License-Identifier: GPL-3.0-or-later
"""Viewpoints of the optimisation."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import torch

from ...protocol import views
from ...protocol.spec import Camera, CameraRig, Matrix, OrbitRig

ABOVE = 45.0
"""Least elevation of a view from above, in degrees."""


@dataclass(frozen=True)
class Viewpoint:
    """A camera, and the direction from which it sees the domain.

    Attributes
    ----------
    camera : Camera
    azimuth, elevation : float
        Degrees; see `sjc_blender.protocol.views`.
    """

    camera: Camera
    azimuth: float
    elevation: float


def viewpoint_of(camera: Camera) -> Viewpoint:
    """A camera with the direction from which it sees the domain, see `views.camera_direction`."""
    return Viewpoint(camera, *views.camera_direction(camera))


def sample_viewpoint(rig: OrbitRig | CameraRig, generator: torch.Generator) -> Viewpoint:
    """Draw a viewpoint.

    An orbit is drawn uniformly on its part of the sphere (azimuth and sine of the elevation are
    uniform), distance and field of view are uniform. Cameras are drawn by their weights.

    Parameters
    ----------
    generator : torch.Generator
        On the CPU, whatever the engine's device, so that a seed gives the same views everywhere. A
        draw takes the same number of values whatever comes out.
    """
    if isinstance(rig, OrbitRig):
        return _sample_orbit(rig, generator)
    return _sample_camera(rig, generator)


def sample_viewpoints(
    rig: OrbitRig | CameraRig, count: int, generator: torch.Generator, together: int = 1
) -> list[Viewpoint]:
    """Draw the viewpoints of a step: each by itself, or rings of `together` views that stand evenly around the domain.

    Raises
    ------
    ValueError
        If `count` is no multiple of `together`.
    """
    if count % together:
        raise ValueError(f"{count} views are no rings of {together}")
    return [view for _ in range(count // together) for view in ring_through(sample_viewpoint(rig, generator), together)]


def ring_through(first: Viewpoint, count: int) -> list[Viewpoint]:
    """`count` views evenly around the domain's axis, at one elevation and distance; the first of them is given."""
    views = [first]
    for index in range(1, count):
        offset = 360.0 * index / count
        azimuth = (first.azimuth + offset + 180.0) % 360.0 - 180.0
        views.append(Viewpoint(turned(first.camera, offset, 0.0), azimuth, first.elevation))
    return views


def orbit_camera(
    azimuth: float, elevation: float, distance: float, field_of_view: float, name: str = "orbit"
) -> Camera:
    """A camera that looks at the domain's centre, with the world's up axis upward in its image.

    Parameters
    ----------
    azimuth, elevation : float
        Degrees. At +-90 of elevation, where up is not defined by the axis, it is the limit of the
        cameras of this azimuth.
    distance : float
        Domain units.
    field_of_view : float
        Degrees, of the image's full width and height.
    """
    a, e = math.radians(azimuth), math.radians(elevation)
    right = (math.cos(a), math.sin(a), 0.0)
    up = (-math.sin(e) * math.sin(a), math.sin(e) * math.cos(a), math.cos(e))
    back = (math.cos(e) * math.sin(a), -math.cos(e) * math.cos(a), math.sin(e))
    x, y, z = ((r, u, b, distance * b) for r, u, b in zip(right, up, back, strict=True))
    half = math.tan(math.radians(field_of_view) / 2)
    return Camera(name=name, pose=(x, y, z, (0.0, 0.0, 0.0, 1.0)), window=(-half, half, -half, half))


def seen_from_above(rig: OrbitRig | CameraRig) -> OrbitRig | CameraRig:
    """The part of an orbit from 45 degrees of elevation upwards; the rig itself if there is none, or it is of cameras.

    From the side the mouth of a cup is a pale ellipse, with a lid as without; what begins with a lid keeps it. From
    above its walls and its floor tell the two apart.
    """
    if not isinstance(rig, OrbitRig) or rig.elevation[1] <= ABOVE:
        return rig
    return dataclasses.replace(rig, elevation=(max(ABOVE, rig.elevation[0]), rig.elevation[1]))


def _sample_orbit(rig: OrbitRig, generator: torch.Generator) -> Viewpoint:
    shares = _uniform(4, generator)
    azimuth = _within(rig.azimuth, shares[0])
    low, high = (math.sin(math.radians(limit)) for limit in rig.elevation)
    elevation = math.degrees(math.asin(_within((low, high), shares[1])))
    distance = _within(rig.distance, shares[2])
    field_of_view = _within(rig.field_of_view, shares[3])
    return Viewpoint(orbit_camera(azimuth, elevation, distance, field_of_view), azimuth, elevation)


def _sample_camera(rig: CameraRig, generator: torch.Generator) -> Viewpoint:
    choice, *offsets = _uniform(3, generator)
    camera = _choose(rig.cameras, choice)
    azimuth_offset, elevation_offset = (_within((-rig.jitter, rig.jitter), share) for share in offsets)
    return viewpoint_of(turned(camera, azimuth_offset, elevation_offset) if rig.jitter else camera)


def _choose(cameras: tuple[Camera, ...], share: float) -> Camera:
    usable = [camera for camera in cameras if camera.weight > 0]
    rest = share * sum(camera.weight for camera in usable)
    for camera in usable:
        rest -= camera.weight
        if rest < 0:
            return camera
    return usable[-1]


def turned(camera: Camera, azimuth_offset: float, elevation_offset: float) -> Camera:
    """The camera turned rigidly about the domain's centre, by degrees."""
    a = math.radians(viewpoint_of(camera).azimuth)
    level = _rotation((math.cos(a), math.sin(a), 0.0), -math.radians(elevation_offset))
    upright = _rotation((0.0, 0.0, 1.0), math.radians(azimuth_offset))
    rows = (upright @ level @ torch.tensor(camera.pose, dtype=torch.float64)).tolist()
    pose: Matrix = tuple(tuple(row) for row in rows)  # type: ignore[assignment]
    return dataclasses.replace(camera, pose=pose)


def _rotation(axis: tuple[float, float, float], angle: float) -> torch.Tensor:
    """Rotation [4, 4] about a unit axis through the origin, by radians (Rodrigues' formula)."""
    x, y, z = axis
    cross = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)
    matrix = torch.eye(4, dtype=torch.float64)
    matrix[:3, :3] += math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    return matrix


def _uniform(count: int, generator: torch.Generator) -> list[float]:
    return torch.rand(count, generator=generator, dtype=torch.float64).tolist()  # type: ignore[no-any-return]


def _within(limits: tuple[float, float], share: float) -> float:
    low, high = limits
    return low + (high - low) * share
