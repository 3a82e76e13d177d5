# SPDX-License-Identifier: GPL-3.0-or-later
"""The domain: the box of a scene object, and the transformation from world space.

A job works in domain units (see ``docs/architecture.md``): the box is centred, its longest half
side is 1, Z is up and the front of the object to be made faces -Y.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from ...protocol.errors import SjcError
from ...protocol.spec import DomainSpec, Matrix
from .evaluated_scene import EvaluatedScene, Placed

AXES = "XYZ"
BOXLESS = {"CAMERA", "LIGHT", "LIGHT_PROBE", "SPEAKER"}
"""Types of objects without a box."""

SHEAR_TOLERANCE = 1e-3
"""Largest cosine between two axes of the box that still counts as a right angle."""

BOX_WIDTH = 2.0
"""Side of the default box in Blender units."""

CHOOSE_BOX = "Choose an empty or a mesh with a size, or leave the domain blank for a box 2 units wide."


def domain_object(domain: str | bpy.types.Object | None) -> bpy.types.Object | None:
    """Return the object that a caller names; SjcError ``unknown_domain``."""
    if domain is None or isinstance(domain, bpy.types.Object):
        return domain
    found = bpy.data.objects.get(domain) if isinstance(domain, str) else None
    if found is None:
        raise SjcError(
            "unknown_domain",
            f"There is no object {domain!r} for the domain.",
            "Name an object of this file, or leave the domain out for a box 2 units wide.",
        )
    return found


def domain_spec(domain: bpy.types.Object | None, view: EvaluatedScene) -> DomainSpec:
    """Describe the box of an object as a domain.

    The box is the object's local bounding box, off-centre or not, with modifiers, parents and
    constraints evaluated; an empty of any display type is the cube of half side
    ``empty_display_size``, or the box of the collection that it instances. Each axis may be scaled
    on its own. A mirrored object gives an unmirrored domain with the same box, the same front (its
    own -Y) and the same up (its own Z).

    Parameters
    ----------
    domain : bpy.types.Object or None
        None is the box [-1, 1]^3 at the world's origin.

    Returns
    -------
    DomainSpec
        Its ``matrix_world`` takes domain units to world units.

    Raises
    ------
    SjcError
        ``domain_without_box`` for an object without a size of its own, ``domain_zero_size``
        for a flat or a scaled-away box, ``domain_sheared`` if its axes are not at right angles; what
        `EvaluatedScene.several` raises.
    """
    if domain is None:
        return DomainSpec()
    called = f"domain {domain.name!r}"
    if domain.type == "EMPTY" and domain.instance_type == "COLLECTION" and domain.instance_collection is not None:
        matrix, centre, half_sides = _instanced_box(view.several([domain], called))
    else:
        alone = view.one(domain, called)
        matrix = alone.matrix
        centre, half_sides = local_box(alone.evaluated)
    lengths = np.linalg.norm(matrix[:3, :3], axis=0)
    half_extents = half_sides * lengths
    _require_size(domain.name, half_extents)
    rotation = _rotation(domain.name, matrix[:3, :3] / lengths)
    scale = float(half_extents.max())
    placed = np.eye(4)
    placed[:3, :3] = rotation * scale
    placed[:3, 3] = matrix[:3, :3] @ centre + matrix[:3, 3]
    x, y, z = (float(extent) for extent in half_extents / scale)
    return DomainSpec(half_extents=(x, y, z), matrix_world=as_rows(placed))


def standing_box(scene: bpy.types.Scene) -> DomainSpec:
    """Return the default box without cameras: 2 units wide, with the 3D cursor on its floor."""
    x, y, z = (float(value) for value in scene.cursor.location[:])
    matrix = ((1.0, 0.0, 0.0, x), (0.0, 1.0, 0.0, y), (0.0, 0.0, 1.0, z + 1.0), (0.0, 0.0, 0.0, 1.0))
    return DomainSpec(matrix_world=matrix, floor=-1.0)


@dataclass(frozen=True)
class DomainFrame:
    """The transformation between world space and a domain.

    Attributes
    ----------
    rotation : ndarray of shape (3, 3)
        Domain axes in world space.
    scale : float
        World units of one domain unit.
    origin : ndarray of shape (3,)
        The box's centre in world space.
    """

    rotation: np.ndarray
    scale: float
    origin: np.ndarray

    @classmethod
    def of(cls, domain: DomainSpec) -> DomainFrame:
        """Decompose a domain's ``matrix_world``."""
        matrix = np.array(domain.matrix_world)
        scale = float(np.linalg.norm(matrix[:3, 0]))
        return cls(rotation=matrix[:3, :3] / scale, scale=scale, origin=matrix[:3, 3])

    def pose(self, rotation: np.ndarray, position: np.ndarray) -> Matrix:
        """Bring a rigid placement from world space into the domain's frame.

        Parameters
        ----------
        rotation : ndarray of shape (3, 3)
        position : ndarray of shape (3,)
            World units.

        Returns
        -------
        Matrix
            Rigid; its translation is in domain units.
        """
        pose = np.eye(4)
        pose[:3, :3] = self.rotation.T @ rotation
        pose[:3, 3] = self.rotation.T @ (position - self.origin) / self.scale
        return as_rows(pose)

    def to_world(self, point: np.ndarray) -> np.ndarray:
        """Bring points [..., 3] from domain units to world space."""
        return (self.scale * point) @ self.rotation.T + self.origin


def as_rows(matrix: Any) -> Matrix:
    """Write a 4x4 matrix as the nested tuples of a job spec."""
    rows = tuple(tuple(float(value) for value in row) for row in matrix)
    return rows  # type: ignore[return-value]  # four rows of four


def local_box(evaluated: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """Centre [3] and half sides [3] in the object's own coordinates."""
    if evaluated.type == "EMPTY":
        return np.zeros(3), np.full(3, evaluated.empty_display_size)
    if evaluated.type in BOXLESS:
        kind = evaluated.type.lower().replace("_", " ")
        raise SjcError(
            "domain_without_box", f"The domain {evaluated.name!r} is a {kind}, which has no box.", CHOOSE_BOX
        )
    if evaluated.type in {"CURVE", "FONT", "SURFACE"}:
        # Their bound_box leaves out extrusion and bevel.
        mesh = evaluated.to_mesh()
        points = np.array([vertex.co[:] for vertex in mesh.vertices]) if mesh is not None else np.zeros((0, 3))
        evaluated.to_mesh_clear()
        return _middle(points) if len(points) else (np.zeros(3), np.zeros(3))
    return _middle(_corners(evaluated))


def _instanced_box(empty_first: Iterator[Placed]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Matrix [4,4] of an empty, and centre [3] and half sides [3] of what it instances, in its coordinates."""
    matrix = next(empty_first).matrix
    to_empty = np.linalg.pinv(matrix)
    boxes = [
        _corners(placed.evaluated) @ (to_empty @ placed.matrix)[:3, :3].T + (to_empty @ placed.matrix)[:3, 3]
        for placed in empty_first
        if placed.evaluated.type not in BOXLESS | {"EMPTY"}
    ]
    return (matrix, *(_middle(np.concatenate(boxes)) if boxes else (np.zeros(3), np.zeros(3))))


def _corners(evaluated: bpy.types.Object) -> np.ndarray:
    return np.array([corner[:] for corner in evaluated.bound_box], dtype=np.float64)


def _middle(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, high = corners.min(axis=0), corners.max(axis=0)
    return (low + high) / 2, (high - low) / 2


def _require_size(name: str, half_extents: np.ndarray) -> None:
    if not np.isfinite(half_extents).all():
        raise SjcError("domain_zero_size", f"The domain {name!r} has an invalid size.", CHOOSE_BOX)
    flat = [
        axis for axis, extent in zip(AXES, half_extents, strict=True) if extent <= 1e-6 * max(half_extents.max(), 1e-6)
    ]
    if len(flat) == 3:
        raise SjcError("domain_zero_size", f"The domain {name!r} has no size.", CHOOSE_BOX)
    if flat:
        axes = " and ".join(flat)
        raise SjcError(
            "domain_zero_size", f"The domain {name!r} is flat: it has no size along its own {axes}.", CHOOSE_BOX
        )


def _rotation(name: str, axes: np.ndarray) -> np.ndarray:
    """Turn the unit columns of a box into the nearest proper rotation."""
    cosines = axes.T @ axes - np.eye(3)
    if np.abs(cosines).max() > SHEAR_TOLERANCE:
        raise SjcError(
            "domain_sheared",
            f"The domain {name!r} is sheared by its parents: its sides are not at right angles.",
            "Apply the rotation and the scale of its parents, or clear the parent and keep the transform.",
        )
    if np.linalg.det(axes) < 0:
        # What is generated is never mirrored. The object's own front and up stay; X follows.
        axes = axes * np.array([-1.0, 1.0, 1.0])
    left, _singular, right = np.linalg.svd(axes)
    return left @ right
