# SPDX-License-Identifier: GPL-3.0-or-later
"""The rig's overlay in the 3D viewport: viewpoints, coverage, view words, and the front."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import blf
import bpy
import gpu
import numpy as np
from bpy_extras.view3d_utils import location_3d_to_region_2d
from gpu_extras.batch import batch_for_shader
from mathutils import Vector

from ...protocol.spec import CameraRig, OrbitRig
from ...protocol.views import ViewVocabulary, camera_direction
from .. import window_events
from . import rig_watch
from .coverage import directions_of, is_known, is_seen, spread, unit_vectors
from .domain import DomainFrame
from .scene_rig import SceneRig

FRONT, SIDE, BACK = np.array([[0.2, 0.6, 1.0], [0.25, 0.85, 0.45], [1.0, 0.6, 0.15]])
OVERHEAD = np.array([0.75, 0.45, 1.0])
BLIND = np.array([0.85, 0.1, 0.15])
"""Colours of view words, and of sides that the rig does not see."""

DOTS = 1200
DOT_RADIUS = 0.03
SPHERE_RADIUS = 1.3
"""Domain units, as are all lengths here."""

CONE_DEPTH = 0.18
ORBIT_CONES = 40
LINE_WIDTH = 1.5

_handlers: list[Any] = []
_drawn: tuple[SceneRig, _Batches] | None = None


@dataclass(frozen=True)
class _Batches:
    dots: gpu.types.GPUBatch
    lines: gpu.types.GPUBatch
    front: Vector


def show() -> None:
    """Start drawing; nothing happens if it is drawn already, or in background mode."""
    if bpy.app.background or _handlers:
        return
    add = bpy.types.SpaceView3D.draw_handler_add
    _handlers.append(add(_draw, (), "WINDOW", "POST_VIEW"))
    _handlers.append(add(_draw_label, (), "WINDOW", "POST_PIXEL"))
    window_events.redraw("VIEW_3D")


def hide() -> None:
    """Stop drawing."""
    global _drawn
    while _handlers:
        bpy.types.SpaceView3D.draw_handler_remove(_handlers.pop(), "WINDOW")
    _drawn = None
    if not bpy.app.background:
        window_events.redraw("VIEW_3D")


def _current() -> _Batches | None:
    """Return the geometry, built again only for another rig."""
    global _drawn
    scene = bpy.context.scene
    rig = rig_watch.current(scene).rig if scene is not None else None
    if rig is None:
        return None
    if _drawn is None or _drawn[0] is not rig:
        _drawn = (rig, _built(rig))
    return _drawn[1]


def _wanted() -> bool:
    """Return whether this viewport shows overlays, and the option is on, which loading a file switches off."""
    space: Any = bpy.context.space_data
    manager: Any = bpy.context.window_manager
    return space.overlay.show_overlays and manager.sjc_show_coverage  # type: ignore[no-any-return]


def _draw() -> None:
    if not _wanted():
        return
    batches = _current()
    if batches is None:
        return
    gpu.state.blend_set("ALPHA")
    gpu.state.depth_test_set("LESS_EQUAL")
    # From outside only: through the sphere, its far side would be taken for the near one.
    gpu.state.face_culling_set("BACK")
    batches.dots.draw(gpu.shader.from_builtin("FLAT_COLOR"))
    gpu.state.face_culling_set("NONE")
    shader = gpu.shader.from_builtin("POLYLINE_FLAT_COLOR")
    shader.bind()
    viewport: Any = gpu.state.viewport_get()
    shader.uniform_float("viewportSize", viewport[2:])
    shader.uniform_float("lineWidth", LINE_WIDTH)
    batches.lines.draw(shader)
    gpu.state.depth_test_set("NONE")
    gpu.state.blend_set("NONE")


def _draw_label() -> None:
    context = bpy.context
    if _drawn is None or not _wanted() or context.region is None or context.region_data is None:
        return
    place = location_3d_to_region_2d(context.region, context.region_data, _drawn[1].front)
    if place is not None:
        blf.size(0, 12 * context.preferences.system.ui_scale)
        red, green, blue = FRONT
        blf.color(0, red, green, blue, 1.0)
        width, height = blf.dimensions(0, "Front")
        blf.position(0, place.x - width / 2, place.y - height / 2, 0)
        blf.draw(0, "Front")


def _built(rig: SceneRig) -> _Batches:
    frame = DomainFrame.of(rig.domain)
    dots, dot_colours = _dots(rig)
    lines, line_colours = (
        np.concatenate(parts) for parts in zip(_cones(rig), _arrow(rig.domain.half_extents), strict=True)
    )
    return _Batches(
        _batch("FLAT_COLOR", "TRIS", frame.to_world(dots), dot_colours),
        _batch("POLYLINE_FLAT_COLOR", "LINES", frame.to_world(lines), line_colours),
        Vector(frame.to_world(np.array([[0.0, -SPHERE_RADIUS - 0.55, -rig.domain.half_extents[2]]]))[0]),
    )


def _batch(shader: str, kind: Any, positions: np.ndarray, colours: np.ndarray) -> gpu.types.GPUBatch:
    content = {"pos": positions.astype(np.float32), "color": colours.astype(np.float32)}
    return batch_for_shader(gpu.shader.from_builtin(shader), kind, content)  # type: ignore[arg-type]  # arrays will do


def _dots(rig: SceneRig) -> tuple[np.ndarray, np.ndarray]:
    """Triangles [3 N, 3] and colours [3 N, 4]: a sphere of small dots, red where nothing sees it and something could.

    Sides that the model itself never looks at have no dots.
    """
    azimuth, elevation = spread(-90.0, 90.0, DOTS)
    vectors = unit_vectors(azimuth, elevation)
    seen = is_seen(vectors, directions_of(rig.rig))
    known = is_known(elevation, rig.profile.orbit) | seen
    colours = np.where(seen[:, None], _view_colours(rig.profile.views, DOTS), BLIND)
    alpha = np.where(seen, 0.75, 0.9)[:, None]
    right = unit_vectors(azimuth + 90.0, np.zeros_like(azimuth))
    up = np.cross(vectors, right)
    centre = vectors * SPHERE_RADIUS
    # Two triangles make a dot, a diamond that faces outwards.
    east, north = right * DOT_RADIUS, up * DOT_RADIUS
    corners = np.stack([centre - east, centre + east, centre + north, centre - east, centre - north, centre + east], 1)
    rgba = np.concatenate([colours, alpha], axis=1)
    return corners[known].reshape(-1, 3), np.repeat(rgba[known], 6, axis=0)


@lru_cache(maxsize=4)
def _view_colours(views: ViewVocabulary, count: int) -> np.ndarray:
    azimuth, elevation = spread(-90.0, 90.0, count)
    return np.array([_colour(views, a, e) for a, e in zip(azimuth, elevation, strict=True)])


def _colour(views: ViewVocabulary, azimuth: float, elevation: float) -> np.ndarray:
    """Colour [3] of the view words that are nearest to a direction."""
    band, view = views.nearest(float(azimuth), float(elevation))
    if len(band.views) == 1:
        return OVERHEAD
    turn = abs((view.azimuth + 180.0) % 360.0 - 180.0) / 90.0
    return FRONT + (SIDE - FRONT) * turn if turn <= 1 else SIDE + (BACK - SIDE) * (turn - 1)


def _cones(rig: SceneRig) -> tuple[np.ndarray, np.ndarray]:
    """Lines [2 N, 3] and colours [2 N, 4]: from each viewpoint to the corners of its picture, and around it."""
    cones = _camera_cones(rig.rig) if isinstance(rig.rig, CameraRig) else _orbit_cones(rig.rig)
    eyes, corners, directions = (np.array(part) for part in cones)
    following = np.roll(corners, -1, axis=1)
    lines = np.stack([np.broadcast_to(eyes[:, None], corners.shape), corners, corners, following], axis=2)
    colours = np.array([[*_colour(rig.profile.views, a, e), 1.0] for a, e in directions])
    return lines.reshape(-1, 3), np.repeat(colours, 16, axis=0)


Cones = tuple[list[np.ndarray], list[np.ndarray], list[tuple[float, float]]]
"""Eyes [3], corners [4, 3] of the pictures, directions in degrees."""


def _camera_cones(rig: CameraRig) -> Cones:
    eyes, corners, directions = [], [], []
    for camera in rig.cameras:
        if camera.weight == 0:
            continue
        pose = np.array(camera.pose)
        left, right, bottom, top = camera.window
        window = np.array([[left, bottom], [right, bottom], [right, top], [left, top]])
        flat = camera.projection == "orthographic"
        across = window * (CONE_DEPTH / max(right - left, 1e-6) if flat else CONE_DEPTH)
        local = np.column_stack([across, np.full(4, -CONE_DEPTH)])
        eyes.append(pose[:3, 3])
        corners.append(local @ pose[:3, :3].T + pose[:3, 3])
        directions.append(camera_direction(camera))
    return eyes, corners, directions


def _orbit_cones(rig: OrbitRig) -> Cones:
    """A few viewpoints of an orbit, spread evenly over its part of the sphere."""
    low, high = rig.elevation
    azimuths, elevations = spread(low, high, ORBIT_CONES)
    first, last = rig.azimuth
    azimuths = first + (azimuths % 360.0) * (last - first) / 360.0
    distance, half = sum(rig.distance) / 2, np.tan(np.radians(sum(rig.field_of_view) / 4))
    eyes = unit_vectors(azimuths, elevations) * distance
    right = unit_vectors(azimuths + 90.0, np.zeros_like(azimuths))
    up = np.cross(unit_vectors(azimuths, elevations), right)
    depth = eyes * (1 - CONE_DEPTH / distance)
    corners = np.stack(
        [depth + CONE_DEPTH * half * (x * right + y * up) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))], 1
    )
    return list(eyes), list(corners), list(zip(azimuths, elevations, strict=True))


def _arrow(half_extents: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """An arrow on the floor of the box that points where the front is."""
    floor = -half_extents[2]
    tail, tip = (0.0, -half_extents[1], floor), (0.0, -SPHERE_RADIUS - 0.3, floor)
    wings = [(x, tip[1] + 0.12, floor) for x in (-0.08, 0.08)]
    lines = np.array([tail, tip, wings[0], tip, wings[1], tip])
    return lines, np.tile([*FRONT, 1.0], (len(lines), 1))
