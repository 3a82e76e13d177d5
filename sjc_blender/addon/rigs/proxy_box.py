# SPDX-License-Identifier: GPL-3.0-or-later
"""The bounding boxes of a proxy: the share outside the domain, and a domain that contains all of it."""

from __future__ import annotations

from itertools import product

import bpy
import numpy as np

from ...protocol.spec import DomainSpec
from .domain import local_box
from .evaluated_scene import EvaluatedScene, evaluated
from .proxy import solids_of, without_surface
from .rig_building import DOMAIN_NAME, add_box

Proxy = bpy.types.Object | bpy.types.Collection

MARGIN = 1.05
"""Half sides of a fitted domain in those of the proxy: a surface at the very wall would be cut."""


def share_cut_off(proxy: Proxy, domain: DomainSpec, view: EvaluatedScene) -> float:
    """Share, 0 to 1, of the boxes of a proxy's objects that is outside a domain; errors of `EvaluatedScene.several`."""
    half = np.array(domain.half_extents)
    whole = inside = 0.0
    for corners in _corners(proxy, np.linalg.inv(np.array(domain.matrix_world)), view):
        low, high = corners.min(axis=0), corners.max(axis=0)
        # A flat one counts too.
        sides = np.maximum(high - low, 1e-6)
        whole += float(sides.prod())
        inside += float(np.clip(np.minimum(low + sides, half) - np.maximum(low, -half), 0, None).prod())
    return 1 - inside / whole if whole else 0.0


def add_fitting_domain(proxy: Proxy, scene: bpy.types.Scene) -> bpy.types.Object:
    """Add an empty, shown as a box around a proxy along the world's axes.

    Raises
    ------
    SjcError
        ``proxy_without_surface``, or as `EvaluatedScene.several`.
    """
    with evaluated(scene) as view:
        boxes = _corners(proxy, np.eye(4), view)
    if not boxes:
        raise without_surface(proxy, "proxy")
    points = np.concatenate(boxes)
    low, high = points.min(axis=0), points.max(axis=0)
    half = (high - low) / 2
    # Flat along an axis it would be no box.
    return add_box(scene, DOMAIN_NAME, (low + high) / 2, MARGIN * np.maximum(half, 0.05 * half.max()))


def _corners(proxy: Proxy, matrix: np.ndarray, view: EvaluatedScene) -> list[np.ndarray]:
    """Corners [8, 3] of the box of each object of a proxy, brought into another frame."""
    found = []
    for placed in solids_of(proxy, view, "proxy"):
        centre, half = local_box(placed.evaluated)
        to_frame = matrix @ placed.matrix
        corners = centre + half * np.array(list(product((-1, 1), repeat=3)))
        found.append(corners @ to_frame[:3, :3].T + to_frame[:3, 3])
    return found
