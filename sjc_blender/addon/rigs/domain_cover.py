"""What stands around the domain and hides the result: in a new file, Blender's default cube."""

from __future__ import annotations

from itertools import product

import bpy
from mathutils import Matrix, Vector

from ...protocol.spec import DomainSpec

OPAQUE = {"SOLID", "TEXTURED"}
"""Ways an object is displayed that nothing behind it is seen through."""

TOLERANCE = 1e-3
"""Share of the box by which it may stick out, as numbers of objects that coincide do."""

LARGEST = 2.0
"""Sides of the cover in those of the domain; one looks into a room, but not into a crate."""


def cover_of(domain: DomainSpec, view_layer: bpy.types.ViewLayer) -> bpy.types.Object | None:
    """Find a visible, opaque mesh that encloses the domain closely.

    Parameters
    ----------
    domain : DomainSpec
    view_layer : ViewLayer
        Evaluated. Of each object only the box is looked at.
    """
    to_world = Matrix(domain.matrix_world)
    centre = to_world.translation
    corners = [
        to_world @ Vector([sign * half for sign, half in zip(signs, domain.half_extents, strict=True)])
        for signs in product((-1, 1), repeat=3)
    ]
    for obj in view_layer.objects:
        if obj.type != "MESH" or obj.display_type not in OPAQUE or not hides(obj, view_layer):
            continue
        if obj.dimensions.length > LARGEST * (corners[-1] - corners[0]).length:
            continue
        to_local = obj.matrix_world.inverted_safe()
        if _inside(obj, to_local @ centre) and all(_inside(obj, to_local @ corner) for corner in corners):
            return obj
    return None


def hides(obj: bpy.types.Object, view_layer: bpy.types.ViewLayer) -> bool:
    """Whether an object is shown at all."""
    return view_layer.objects.get(obj.name) is not None and obj.visible_get(view_layer=view_layer)


def _inside(obj: bpy.types.Object, point: Vector) -> bool:
    low, high = Vector(obj.bound_box[0]), Vector(obj.bound_box[6])
    margin = (high - low) * TOLERANCE
    return all(low[i] - margin[i] <= point[i] <= high[i] + margin[i] for i in range(3))
