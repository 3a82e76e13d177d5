# SPDX-License-Identifier: GPL-3.0-or-later
"""Proxies and regions: meshes of the scene as voxels of a domain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ...protocol.atomic_write import atomic_path
from ...protocol.errors import SjcError
from ...protocol.job_folder import OCCUPANCY_VERSION
from ...protocol.proxy import grid_shape, occupancy_digest
from ...protocol.spec import DomainSpec
from .evaluated_scene import EvaluatedScene, Placed
from .occupancy import Closure, Surface, occupancy

MAX_RESOLUTION = 128
"""Most voxels along the longest side; a finer field interpolates them."""

SOLID_KINDS = {"MESH", "CURVE", "SURFACE", "FONT", "META"}


@dataclass(frozen=True)
class FilledGrid:
    """The voxels of a domain that meshes fill.

    Attributes
    ----------
    filled : ndarray of uint8 of shape (nx, ny, nz)
        0 or 1; centred, as a field's voxels.
    notes : tuple of str
        What the user should know, in sentences.
    """

    filled: np.ndarray
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Digest in a job's spec."""
        return occupancy_digest(self.filled.shape, self.filled.tobytes())

    def write(self, path: Path) -> None:
        """Write ``proxy.npz`` or ``region.npz``; SjcError as `sjc_blender.protocol.atomic_write.atomic_path`."""
        with atomic_path(path) as temporary:
            np.savez_compressed(temporary, version=np.int64(OCCUPANCY_VERSION), occupancy=self.filled)


def named_shape(
    shape: str | bpy.types.Object | bpy.types.Collection, what: str
) -> bpy.types.Object | bpy.types.Collection:
    """Return the object, or else the collection, that a caller names; SjcError ``unknown_proxy`` and the like.

    Parameters
    ----------
    shape : object, collection, or the name of one
    what : str
        What it is wanted for: ``"proxy"``, ``"guide"`` or ``"region"``.
    """
    if isinstance(shape, (bpy.types.Object, bpy.types.Collection)):
        return shape
    named = isinstance(shape, str)
    found = (bpy.data.objects.get(shape) or bpy.data.collections.get(shape)) if named else None
    if found is None:
        raise SjcError(
            f"unknown_{what}", f"There is no object or collection {shape!r} for the {what}.", "Name one of this file."
        )
    return found


def filled_grid(
    proxy: bpy.types.Object | bpy.types.Collection,
    domain: DomainSpec,
    resolution: int,
    view: EvaluatedScene,
    what: str = "proxy",
) -> FilledGrid:
    """Fill the voxels of a domain that lie inside an object, or the objects of a collection.

    Meshes, curves, surfaces, texts and metaballs count with their modifiers, and what they instance, shown or not.

    Parameters
    ----------
    proxy : bpy.types.Object or bpy.types.Collection
    resolution : int
        Of the field, voxels along the longest side.
    what : str
        What it is called in sentences and errors: ``"proxy"`` or ``"region"``.

    Raises
    ------
    SjcError
        ``proxy_without_surface``, or ``proxy_outside_domain`` if no voxel is filled (or ``region_...``); what
        `EvaluatedScene.several` raises.
    """
    resolution = min(resolution, MAX_RESOLUTION)
    shape = grid_shape(domain.half_extents, resolution)
    to_domain = np.linalg.inv(np.array(domain.matrix_world))
    named = [
        (placed.name, surface) for placed in solids_of(proxy, view, what) for surface in surfaces_of(placed, to_domain)
    ]
    if not named:
        raise without_surface(proxy, what)
    by_closure: dict[Closure, list[Surface]] = {}
    open_names = []
    for name, surface in named:
        closure = surface.closure
        by_closure.setdefault(closure, []).append(surface)
        if closure is Closure.OPEN and name not in open_names:
            open_names.append(name)
    filled = np.zeros(shape, dtype=bool)
    # Oriented ones together, as one surface; of the others, what is inside two of them would count as outside.
    parts = [(Closure.ORIENTED, joined(by_closure.pop(Closure.ORIENTED)))] if Closure.ORIENTED in by_closure else []
    parts += [(closure, surface) for closure, surfaces in by_closure.items() for surface in surfaces]
    for closure, surface in parts:
        filled |= occupancy(surface, closure, shape, 2.0 / resolution)
    if not filled.any():
        raise SjcError(
            f"{what}_outside_domain",
            f"The {what} {proxy.name!r} fills no voxel of the domain.",
            "Move it into the domain's box, or make it larger.",
        )
    return FilledGrid(filled.astype(np.uint8), tuple(_notes(f"{what} {proxy.name!r}", named, open_names, domain)))


def solids_of(proxy: bpy.types.Object | bpy.types.Collection, view: EvaluatedScene, what: str) -> Iterator[Placed]:
    """Yield the objects of a shape that may have a surface; errors of `EvaluatedScene.several`."""
    objects = list(proxy.all_objects) if isinstance(proxy, bpy.types.Collection) else [proxy]
    for placed in view.several(objects, f"{what} {proxy.name!r}"):
        if placed.evaluated.type in SOLID_KINDS:
            yield placed


def without_surface(shape: bpy.types.Object | bpy.types.Collection, what: str) -> SjcError:
    """Return the error for a shape without faces."""
    return SjcError(
        f"{what}_without_surface",
        f"The {what} {shape.name!r} has no surface.",
        "Choose a mesh, a curve or text with faces, or a collection of such objects.",
    )


def surfaces_of(placed: Placed, to_domain: np.ndarray) -> Iterator[Surface]:
    """Yield the surface of an object in a domain's units, if it has one; `to_domain` [4, 4] takes the world there."""
    evaluated, matrix = placed.evaluated, to_domain @ placed.matrix
    mesh = evaluated.to_mesh()
    if mesh is None:
        return
    mesh.calc_loop_triangles()
    vertices = np.empty(3 * len(mesh.vertices), dtype=np.float32)
    mesh.vertices.foreach_get("co", vertices)
    triangles = np.empty(3 * len(mesh.loop_triangles), dtype=np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles)
    evaluated.to_mesh_clear()
    if len(triangles):
        corners = vertices.reshape(-1, 3).astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
        yield Surface(corners, triangles.reshape(-1, 3))


def joined(surfaces: list[Surface]) -> Surface:
    """Return several surfaces as one."""
    starts = np.cumsum([0, *(len(surface.vertices) for surface in surfaces)])
    return Surface(
        np.concatenate([surface.vertices for surface in surfaces]),
        np.concatenate([surface.triangles + start for surface, start in zip(surfaces, starts, strict=False)]),
    )


def _notes(called: str, named: list[tuple[str, Surface]], open_names: list[str], domain: DomainSpec) -> Iterator[str]:
    if open_names:
        listed = ", ".join(map(repr, open_names[:4])) + (", ..." if len(open_names) > 4 else "")
        verb = "is" if len(open_names) == 1 else "are"
        yield (
            f"Of the {called}, {listed} {verb} not closed: the surface is taken, and what it encloses as far as that "
            "is clear. Close the holes if the inside is missing."
        )
    box = np.array(domain.half_extents) * (1 + 1e-4)
    if any((np.abs(surface.vertices) > box).any() for _name, surface in named):
        yield f"The {called} is larger than the domain; what is outside the box is cut off."
