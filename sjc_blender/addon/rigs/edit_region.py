# SPDX-License-Identifier: GPL-3.0-or-later
"""The region of an edit: the inside of an object, or the box of an empty."""

from __future__ import annotations

import itertools

import bpy
import numpy as np

from ...protocol.errors import SjcError
from ...protocol.proxy import grid_shape
from ...protocol.spec import DomainSpec
from .domain import domain_spec
from .evaluated_scene import EvaluatedScene
from .occupancy import Closure, Surface, occupancy
from .proxy import MAX_RESOLUTION, FilledGrid, filled_grid, named_shape

QUADS = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
"""Faces of a box whose corners are counted in binary, X first; turned outwards."""


def region_grid(
    region: bpy.types.Object | bpy.types.Collection | str,
    domain: DomainSpec,
    resolution: int,
    view: EvaluatedScene,
) -> FilledGrid:
    """Fill the voxels of a domain that lie in a region: inside an object or a collection, or in an empty's box.

    Parameters
    ----------
    region : object, collection, or the name of one
    resolution : int
        Of the field, voxels along the longest side.

    Raises
    ------
    SjcError
        ``unknown_region``, ``region_without_surface``, ``region_outside_domain``, or as `domain_spec` for an empty and
        `EvaluatedScene.several`.
    """
    named = named_shape(region, "region")
    if isinstance(named, bpy.types.Object) and named.type == "EMPTY" and named.instance_type == "NONE":
        return _box(named, domain, min(resolution, MAX_RESOLUTION), view)
    return filled_grid(named, domain, resolution, view, "region")


def _box(empty: bpy.types.Object, domain: DomainSpec, resolution: int, view: EvaluatedScene) -> FilledGrid:
    box = domain_spec(empty, view)
    corners = np.array(list(itertools.product(*[(-half, half) for half in box.half_extents])))
    matrix = np.linalg.inv(np.array(domain.matrix_world)) @ np.array(box.matrix_world)
    triangles = np.array([corner for a, b, c, d in QUADS for corner in ((a, b, c), (a, c, d))])
    surface = Surface(corners @ matrix[:3, :3].T + matrix[:3, 3], triangles)
    filled = occupancy(surface, Closure.ORIENTED, grid_shape(domain.half_extents, resolution), 2.0 / resolution)
    if not filled.any():
        raise SjcError(
            "region_outside_domain",
            f"The region {empty.name!r} fills no voxel of the domain.",
            "Move it to the object that is edited, or make it larger.",
        )
    return FilledGrid(filled.astype(np.uint8))
