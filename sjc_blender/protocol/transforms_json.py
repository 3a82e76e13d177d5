# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras as ``transforms.json``, the format of nerfstudio, instant-ngp and NeRF's synthetic scenes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .reference_views import ReferenceViews
from .spec import Camera, DomainSpec

TRANSFORMS = "transforms.json"

LENS = ("fl_x", "fl_y", "cx", "cy", "w", "h", "camera_angle_x", "camera_angle_y")


def transforms_json(views: ReferenceViews, width: int, height: int) -> dict[str, Any] | None:
    """Describe views in world units: poses, focal lengths and principal points in pixels.

    What all cameras share stands once, as older readers want it, else it stands with each. ``scale`` and ``offset``
    make the upright cube around the domain the one that instant-ngp fills.

    Parameters
    ----------
    width, height : int
        Of every picture, in pixels.

    Returns
    -------
    dict or None
        JSON values; None if a camera is orthographic, which the format does not support.
    """
    if any(view.camera.projection != "perspective" for view in views.views):
        return None
    lenses = [_lens(view.camera, width, height) for view in views.views]
    shared = lenses[0] if all(lens == lenses[0] for lens in lenses) else {}
    centre, half_side = _upright_cube(views.domain)
    frames = [
        {"file_path": view.image, "transform_matrix": _to_world(view.camera, views.domain), **({} if shared else lens)}
        for view, lens in zip(views.views, lenses, strict=True)
    ]
    return {
        "camera_model": "PINHOLE",
        **shared,
        "aabb_scale": 1,
        "scale": 0.5 / half_side,
        "offset": [0.5 - 0.5 / half_side * x for x in centre],
        "frames": frames,
    }


def _lens(camera: Camera, width: int, height: int) -> dict[str, float]:
    left, right, bottom, top = camera.window
    x, y = width / (right - left), height / (top - bottom)
    angles = (2 * math.atan(length / 2 / focal) for length, focal in ((width, x), (height, y)))
    return dict(zip(LENS, (x, y, -left * x, top * y, width, height, *angles), strict=True))


def _to_world(camera: Camera, domain: DomainSpec) -> list[list[float]]:
    """Camera to world [4][4], rigid: the domain's scale is in the place alone."""
    scale = math.sqrt(sum(row[0] ** 2 for row in domain.matrix_world[:3]))
    pose = camera.pose
    rows = []
    for row in domain.matrix_world[:3]:
        axes = [sum(row[k] * pose[k][column] for k in range(3)) / scale for column in range(3)]
        rows.append([*axes, sum(row[k] * pose[k][3] for k in range(3)) + row[3]])
    return [*rows, [0.0, 0.0, 0.0, 1.0]]


def _upright_cube(domain: DomainSpec) -> tuple[Sequence[float], float]:
    """Centre and half side, in world units, of the cube along the world's axes that holds the domain."""
    rows = domain.matrix_world[:3]
    reach = [sum(abs(row[k]) * domain.half_extents[k] for k in range(3)) for row in rows]
    return [row[3] for row in rows], max(reach)
