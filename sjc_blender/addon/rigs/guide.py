# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of the scene whose depth steers the model: their triangles, as a job takes them along."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ...protocol.atomic_write import atomic_path
from ...protocol.errors import SjcError
from ...protocol.guide import MOST_TRIANGLES, guide_digest
from ...protocol.spec import DomainSpec
from .evaluated_scene import EvaluatedScene
from .proxy import joined, solids_of, surfaces_of, without_surface

OUTSIDE = 1.001
"""Half sides of the domain from which on a corner counts as outside."""


@dataclass(frozen=True)
class GuideMesh:
    """Triangles in domain units.

    Attributes
    ----------
    vertices : ndarray of float32 of shape (V, 3)
    triangles : ndarray of int32 of shape (F, 3)
    notes : tuple of str
        What the user should know, in sentences.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Digest in a job's spec."""
        return guide_digest(self.vertices.tobytes(), self.triangles.tobytes())

    def write(self, path: Path) -> None:
        """Write ``guide.npz``; SjcError as `sjc_blender.protocol.atomic_write.atomic_path`."""
        with atomic_path(path) as temporary:
            np.savez_compressed(temporary, version=np.int64(1), vertices=self.vertices, triangles=self.triangles)


def guide_mesh(guide: bpy.types.Object | bpy.types.Collection, domain: DomainSpec, view: EvaluatedScene) -> GuideMesh:
    """Take the triangles of an object, or of the objects of a collection.

    Meshes, curves, surfaces, texts and metaballs count with their modifiers, and what they instance, shown or not;
    they need not be closed, and may be larger than the domain.

    Raises
    ------
    SjcError
        ``guide_without_surface``; ``guide_outside_domain`` if nothing of it is in the domain's box; ``guide_too_fine``
        if it has more triangles than are looked at; what `EvaluatedScene.several` raises.
    """
    to_domain = np.linalg.inv(np.array(domain.matrix_world))
    surfaces = [surface for placed in solids_of(guide, view, "guide") for surface in surfaces_of(placed, to_domain)]
    if not surfaces:
        raise without_surface(guide, "guide")
    whole = joined(surfaces)
    if len(whole.triangles) > MOST_TRIANGLES:
        raise SjcError(
            "guide_too_fine",
            f"The guide {guide.name!r} has {len(whole.triangles)} triangles; at most {MOST_TRIANGLES} are used.",
            "Put a Decimate modifier on its objects, or lower the levels of their subdivision.",
        )
    half = OUTSIDE * np.array(domain.half_extents)
    corners = whole.vertices[whole.triangles]
    # A triangle that is on one side of the box is not in it.
    apart = (corners.min(axis=1) > half) | (corners.max(axis=1) < -half)
    if apart.any(axis=1).all():
        raise SjcError(
            "guide_outside_domain",
            f"Nothing of the guide {guide.name!r} is in the domain.",
            "Move it into the domain's box, or the box around it.",
        )
    notes: tuple[str, ...] = ()
    if (np.abs(whole.vertices) > half).any():
        notes = (
            f"The guide {guide.name!r} is larger than the domain; what is outside the box is seen by the model, and "
            "cannot be made.",
        )
    return GuideMesh(whole.vertices.astype(np.float32), whole.triangles.astype(np.int32), notes)
