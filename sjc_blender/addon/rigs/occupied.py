# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects in the place of a result, such as Blender's default cube or an earlier result."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable
from itertools import product

import bpy
import numpy as np
from mathutils import Matrix

from ...protocol.spec import DomainSpec
from .domain import as_rows
from .evaluated_scene import view_layer_of

OPAQUE = {"SOLID", "TEXTURED"}
"""Display types of opaque objects."""

KINDS = {"MESH", "CURVE", "SURFACE", "FONT", "META", "VOLUME"}

LARGEST = 2.0
"""Its diagonal in those of the domain: one looks into a room, but not into a crate."""

SHARE = 0.1
"""Least share of the domain that an object in the way fills."""

LONG, WITHIN = 0.5, 0.5
"""Or it is as long as this share of the domain, and has this share of itself in it: a lamp post, but no cushion."""

GAP = 1.25
"""Distance of neighbours, as a share of the domain's side; as a batch has."""

MOST_STEPS = 200

GUEST = "sjc_live"
"""Custom property of the live volume, which is removed by itself."""

found: dict[str, tuple[str, ...]] = {}
"""Names of the objects in the place of a job's results, by the id of the job."""


def in_the_way(
    domain: DomainSpec, view_layer: bpy.types.ViewLayer, apart: Collection[bpy.types.Object] = ()
) -> list[bpy.types.Object]:
    """Find visible objects in a domain, the one that fills most of it first.

    Parameters
    ----------
    view_layer : ViewLayer
        Evaluated. Of each object only the box is looked at.
    apart : collection of objects
        That may stand there.
    """
    to_domain = np.linalg.inv(np.array(domain.matrix_world))
    half = np.array(domain.half_extents)
    taken = []
    for obj in view_layer.objects:
        if obj.type not in KINDS or obj.display_type not in OPAQUE or obj in apart or obj.get(GUEST):
            continue
        if not obj.visible_get(view_layer=view_layer):
            continue
        low, high = _box(obj, to_domain)
        share = _taken(low, high, half)
        if share > 0:
            taken.append((share, obj))
    return [obj for _share, obj in sorted(taken, key=lambda pair: -pair[0])]


def note(job: str, domain: DomainSpec, scene: bpy.types.Scene, apart: Collection[bpy.types.Object] = ()) -> None:
    """Store which objects are in the place of a job's results, except the results in `apart`."""
    view_layer = view_layer_of(scene)
    view_layer.update()
    found[job] = tuple(obj.name for obj in in_the_way(domain, view_layer, apart))


def still_there(job: str, view_layer: bpy.types.ViewLayer) -> bpy.types.Object | None:
    """Return the first object in the way of a job's results that is still visible."""
    known = (view_layer.objects.get(name) for name in found.get(job, ()))
    return next((obj for obj in known if obj is not None and obj.visible_get(view_layer=view_layer)), None)


def hide(obj: bpy.types.Object, view_layer: bpy.types.ViewLayer) -> None:
    """Hide it in the viewport and in renders."""
    obj.hide_set(True, view_layer=view_layer)
    obj.hide_render = True


def beside(domain: DomainSpec, view_layer: bpy.types.ViewLayer, others: Iterable[DomainSpec] = ()) -> DomainSpec | None:
    """Return the domain moved along the world's X to a free place; None if there is none.

    Parameters
    ----------
    others : iterable of DomainSpec
        Places of what is still being made.
    """
    taken = list(others)
    side = GAP * 2 * float(np.linalg.norm(np.array(domain.matrix_world)[:3, 0]))
    for number in range(1, MOST_STEPS):
        moved = Matrix.Translation((number * side, 0.0, 0.0)) @ Matrix(domain.matrix_world)
        place = dataclasses.replace(domain, matrix_world=as_rows(moved))
        if not in_the_way(place, view_layer) and not any(meet(place, other) for other in taken):
            return place
    return None


def meet(first: DomainSpec, second: DomainSpec) -> bool:
    """Whether two domains share a considerable part of their place."""
    matrix = np.linalg.inv(np.array(first.matrix_world)) @ np.array(second.matrix_world)
    corners = np.array(list(product(*[(-half, half) for half in second.half_extents])))
    points = corners @ matrix[:3, :3].T + matrix[:3, 3]
    return _taken(points.min(axis=0), points.max(axis=0), np.array(first.half_extents)) > 0


def _box(obj: bpy.types.Object, to_domain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest corner [3] of the box of an object, in domain units."""
    matrix = to_domain @ np.array(obj.matrix_world)
    points = np.array([corner[:] for corner in obj.bound_box]) @ matrix[:3, :3].T + matrix[:3, 3]
    return points.min(axis=0), points.max(axis=0)


def _taken(low: np.ndarray, high: np.ndarray, half: np.ndarray) -> float:
    """Share of the domain that a box takes; 0 where that is nothing to speak of, or the box is a room."""
    sides = high - low
    if np.linalg.norm(sides) > LARGEST * 2 * np.linalg.norm(half):
        return 0.0
    common = np.clip(np.minimum(high, half) - np.maximum(low, -half), 0, None)
    share = float(common.prod() / (2 * half).prod())
    within = share * (2 * half).prod() / max(float(sides.prod()), 1e-12)
    long = sides.max() >= LONG * 2 * half.max()
    return share if share >= SHARE or (long and within >= WITHIN) else 0.0
