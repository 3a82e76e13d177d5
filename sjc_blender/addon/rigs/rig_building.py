# SPDX-License-Identifier: GPL-3.0-or-later
"""Creating a camera rig around a domain, a domain, and a region."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from ...protocol.profile_content import Orbit
from ...protocol.spec import DomainSpec
from .coverage import spread, unit_vectors
from .domain import DomainFrame, domain_spec, standing_box
from .evaluated_scene import evaluated
from .rig import JITTER_PROPERTY

RIG_NAME = "SJC Rig"
REGION_NAME = "SJC Region"
DOMAIN_NAME = "SJC Domain"
SENSOR = 32.0
JITTER = 10.0
"""Degrees: about a third of the way between neighbouring cameras of the default rig."""

CLEARANCE = 1.05
"""Distance of a camera from the centre, as a share of the distance of the box's wall in its direction."""


def add_domain(scene: bpy.types.Scene) -> bpy.types.Object:
    """Add an empty, shown as a cube of 2 units that stands on the 3D cursor, to be the domain."""
    return add_box(scene, DOMAIN_NAME, np.array(standing_box(scene).matrix_world)[:3, 3])


def add_box(
    scene: bpy.types.Scene, name: str, centre: np.ndarray, half_sides: Sequence[float] | np.ndarray = (1.0, 1.0, 1.0)
) -> bpy.types.Object:
    """Add an empty that is shown as a box along the world's axes."""
    box = bpy.data.objects.new(name, None)
    box.empty_display_type = "CUBE"
    box.empty_display_size = 1.0
    box.location, box.scale = list(centre), list(half_sides)
    scene.collection.objects.link(box)
    return box


def add_region(scene: bpy.types.Scene, points: np.ndarray, least: float) -> bpy.types.Object:
    """Add an empty, shown as a box around some points, to be the region of an edit.

    Parameters
    ----------
    points : ndarray of shape (N, 3)
        In world space; one or more.
    least : float
        World units: no side of the box is shorter.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    return add_box(scene, REGION_NAME, (low + high) / 2, np.maximum(high - low, least) / 2)


def add_orbit_rig(
    scene: bpy.types.Scene, domain: bpy.types.Object, *, count: int = 24, orbit: Orbit | None = None
) -> bpy.types.Collection:
    """Add a collection of cameras around a domain.

    The cameras are spread evenly over the orbit's part of the sphere and look at the box's centre.
    They are children of the domain: where it goes they go, and as it grows they move away. None
    stands inside the box: one that would is moved out, with a longer lens.

    Parameters
    ----------
    scene : bpy.types.Scene
        The active one.
    domain : bpy.types.Object
        See `sjc_blender.addon.rigs.domain.domain_spec`.
    count : int
        Number of cameras.
    orbit : Orbit, optional
        Elevations, and ranges of distance and field of view whose middles are taken.

    Returns
    -------
    bpy.types.Collection
        With the jitter of the rig as a custom property.

    Raises
    ------
    SjcError
        If the domain has no usable box.
    """
    orbit = orbit or Orbit()
    with evaluated(scene) as view:
        spec = domain_spec(domain, view)
        to_domain = np.linalg.inv(view.one(domain, "domain").matrix)
    collection = bpy.data.collections.new(RIG_NAME)
    scene.collection.children.link(collection)
    collection[JITTER_PROPERTY] = JITTER
    jitter: Any = collection.id_properties_ui(JITTER_PROPERTY)
    jitter.update(min=0.0, max=90.0, precision=1, description="Largest random rotation of a drawn camera, in degrees")
    collection.color_tag = "COLOR_05"
    # An empty's origin is its box's centre; what else may be off-centre gets a point to look at.
    aim = domain if domain.type == "EMPTY" else _add_aim(collection, domain, spec, to_domain)
    for number, direction in enumerate(unit_vectors(*spread(*orbit.elevation, count)), 1):
        distance, lens = _framing(direction, spec, orbit)
        camera = _camera(f"SJC Camera {number:02}", lens, scene.render)
        collection.objects.link(camera)
        _adopt(camera, domain, to_domain, DomainFrame.of(spec).to_world(direction * distance))
        _track(camera, aim)
    return collection


def _framing(direction: np.ndarray, spec: DomainSpec, orbit: Orbit) -> tuple[float, float]:
    """Distance in domain units, outside the box, and the lens that shows as much of it as the orbit does."""
    middle = sum(orbit.distance) / 2
    with np.errstate(divide="ignore"):
        wall = float((np.array(spec.half_extents) / np.abs(direction)).min())
    distance = max(middle, CLEARANCE * wall)
    shown = middle * math.tan(math.radians(sum(orbit.field_of_view) / 2) / 2)
    return distance, SENSOR / 2 * distance / shown


def _camera(name: str, lens: float, render: bpy.types.RenderSettings) -> bpy.types.Object:
    """Make a camera whose lens counts for the picture's shorter side, for the job uses the centred square."""
    data = bpy.data.cameras.new(name)
    data.lens = lens
    data.sensor_width = data.sensor_height = SENSOR
    wide = render.resolution_x * render.pixel_aspect_x > render.resolution_y * render.pixel_aspect_y
    data.sensor_fit = "VERTICAL" if wide else "HORIZONTAL"
    data.display_size = 0.15
    return bpy.data.objects.new(name, data)


def _track(camera: bpy.types.Object, aim: bpy.types.Object) -> None:
    """Make it look at `aim` with its up axis, which also removes shear from a stretched parent."""
    track = camera.constraints.new("TRACK_TO")
    assert isinstance(track, bpy.types.TrackToConstraint)
    track.target, track.track_axis, track.up_axis, track.use_target_z = aim, "TRACK_NEGATIVE_Z", "UP_Y", True


def _add_aim(
    collection: bpy.types.Collection, domain: bpy.types.Object, spec: DomainSpec, to_domain: np.ndarray
) -> bpy.types.Object:
    aim = bpy.data.objects.new(f"{RIG_NAME} Aim", None)
    aim.empty_display_size = 0.1
    collection.objects.link(aim)
    _adopt(aim, domain, to_domain, DomainFrame.of(spec).origin)
    return aim


def _adopt(child: bpy.types.Object, parent: bpy.types.Object, to_parent: np.ndarray, position: np.ndarray) -> None:
    """Make it a child that stands at `position` in world space."""
    child.parent = parent
    child.matrix_parent_inverse = Matrix.Identity(4)
    child.location = (to_parent @ (*position, 1.0))[:3].tolist()
