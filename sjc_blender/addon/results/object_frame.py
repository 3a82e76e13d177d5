# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of a result's coordinates in its job's domain: origin at its feet, the domain's scale applied.

The one place that knows it. An object says so in a custom property, so that what is made of the job later (another
mesh, an edit) comes to lie where the object is, wherever it was moved.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix

from ...protocol.spec import JobSpec
from ..kept_values import kept_numbers
from ..rigs.evaluated_scene import place_of

FRAME_PROPERTY = "sjc_frame"
"""Custom property of an object: its origin in domain units, and its units per domain unit."""


@dataclass(frozen=True)
class ObjectFrame:
    """An object's coordinates: its own = scale (domain's - foot).

    Attributes
    ----------
    foot : tuple of float
        The object's origin, in domain units.
    scale : float
        The object's units in one domain unit, above 0.
    """

    foot: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: float = 1.0

    @property
    def from_domain(self) -> Matrix:
        """Domain units to the object's own."""
        return Matrix.Scale(self.scale, 4) @ Matrix.Translation([-value for value in self.foot])

    def to_object(self, points: np.ndarray) -> np.ndarray:
        """Bring points [N, 3] from domain units to the object's own; float32."""
        return ((points - np.array(self.foot)) * self.scale).astype(np.float32)

    def to_domain(self, points: np.ndarray) -> np.ndarray:
        """Bring points [N, 3] from the object's own units to those of the domain; float32."""
        return (points / self.scale + np.array(self.foot)).astype(np.float32)

    def keep_in(self, obj: bpy.types.Object) -> None:
        """Store the frame in an object."""
        obj[FRAME_PROPERTY] = [*self.foot, self.scale]


def frame_of(obj: bpy.types.Object) -> ObjectFrame:
    """Return the frame of a result; for results of early releases, which have none, the domain's own."""
    told = kept_numbers(obj, FRAME_PROPERTY, 4)
    if told is None or not told[3] > 0:
        return ObjectFrame()
    x, y, z, scale = told
    return ObjectFrame((x, y, z), scale)


def standing_domain(spec: JobSpec, frame: ObjectFrame) -> Matrix:
    """Domain units to world, with the feet on the floor that the job's domain names, if it names one."""
    placed = Matrix(spec.domain.matrix_world)
    if spec.domain.floor is None:
        return placed
    return placed @ Matrix.Translation((0.0, 0.0, spec.domain.floor - frame.foot[2]))


def domain_now(obj: bpy.types.Object) -> Matrix:
    """Return the present domain of a result, which moves with its object: domain units to world."""
    return Matrix(place_of(obj).tolist()) @ frame_of(obj).from_domain
