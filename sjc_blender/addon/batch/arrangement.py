# SPDX-License-Identifier: GPL-3.0-or-later
"""Placing the results of a batch in the scene: arranged, in one collection, named, and as assets."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass

import bpy

from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder
from ..kept_values import kept_text
from ..results.asset import mark_as_asset
from ..results.placement import job_of
from ..results.replacement import remember_place, take_place
from ..results.shown import checked_kind, show_one
from ..rigs.domain import DomainFrame
from .layout import GAP, PLACES, offsets
from .plan import Planned

BATCH_PROPERTY, ROW_PROPERTY = "sjc_batch", "sjc_row"
"""Custom properties of an object: the batch, by its collection, and the named row that made it."""

SHORTEST_TAG = 3
"""Least characters of a tag, which leaves out articles and the like."""


@dataclass(frozen=True)
class Arrangement:
    """Settings for placing results; as the arguments of `sjc_blender.addon.api.batch`."""

    place: str = "grid"
    spacing: float | None = None
    collection: str = ""
    assets: bool = True
    versions: bool = False
    show: str = "mesh"

    def __post_init__(self) -> None:
        checked_kind(self.show)
        if self.place not in PLACES:
            raise SjcError("bad_usage", f"The place is {self.place!r}.", f"Choose one of {', '.join(PLACES)}.")
        if self.spacing is not None and not self.spacing > 0:
            raise SjcError("bad_usage", f"The spacing is {self.spacing!r}.", "Give a distance above 0, or none.")


def job_offsets(jobs: Sequence[Planned], arrangement: Arrangement, variants: int) -> list[tuple[float, float]]:
    """Return each job's offset along X and Y from its domain, in world units; (0, 0) if its row names a domain."""
    widths = [2 * DomainFrame.of(job.spec.domain).scale for job in jobs if not job.at_own_domain]
    spacing = arrangement.spacing or GAP * max(widths, default=1.0)
    slots = iter(offsets(arrangement.place, len(widths), variants, spacing))
    return [(0.0, 0.0) if job.at_own_domain else next(slots) for job in jobs]


def results_in(scene: bpy.types.Scene) -> dict[tuple[str, str], bpy.types.Object]:
    """Return the results in the scene, by the name of the job's folder and the kind: ``"volume"`` or ``"mesh"``."""
    return {(job_of(obj), obj.type.lower()): obj for obj in scene.objects if job_of(obj)}


def arrange(
    objects: Sequence[bpy.types.Object],
    job: Planned,
    way: tuple[float, float],
    arrangement: Arrangement,
    scene: bpy.types.Scene,
) -> list[bpy.types.Object]:
    """Move new objects to their place and into the collection, name them, show one of a job and make that an asset.

    What a named row has made earlier is replaced: its object stays and shows the new result. With ``versions`` it is
    hidden instead, and the new one is called ``NAME_v002``.

    Returns
    -------
    list of bpy.types.Object
        Those that show the results now.
    """
    collection = _collection(arrangement.collection, scene)
    standing = results_in(scene)
    show_one([obj for (name, _), obj in standing.items() if name == job.folder.name], scene, arrangement.show)
    shown: list[bpy.types.Object] = []
    for obj in objects:
        obj.location.x += way[0]
        obj.location.y += way[1]
        remember_place(obj)
        earlier = _earlier(obj, job, arrangement.collection, scene)
        obj[BATCH_PROPERTY] = arrangement.collection
        if job.named:
            obj[ROW_PROPERTY] = job.name
        if earlier and not arrangement.versions:
            obj = take_place(obj, earlier[-1])
        else:
            _move(obj, collection)
            obj.name = _name(obj, job, earlier)
            obj.data.name = obj.name
            for old in earlier:
                old.hide_viewport = old.hide_render = True
        shown.append(obj)
        if arrangement.assets and not obj.hide_viewport:
            mark_as_asset(obj, JobFolder(job.folder), tags(job.spec.prompt))
    return shown


def stale(scene: bpy.types.Scene, collection: str, jobs: Container[str]) -> list[bpy.types.Object]:
    """Return a batch's objects that belong to none of these jobs; versions of a row are older results of it."""
    made = [obj for obj in scene.objects if kept_text(obj, BATCH_PROPERTY) == collection]
    rows = {kept_text(obj, ROW_PROPERTY) for obj in made if job_of(obj) in jobs} - {""}
    return [obj for obj in made if job_of(obj) not in jobs and kept_text(obj, ROW_PROPERTY) not in rows]


def _earlier(obj: bpy.types.Object, job: Planned, collection: str, scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """Return earlier objects of a named row, of the same type, the newest last."""
    if not job.named:
        return []
    found = [
        other
        for other in scene.objects
        if other != obj
        and other.type == obj.type
        and other.library is None
        and (kept_text(other, BATCH_PROPERTY), kept_text(other, ROW_PROPERTY)) == (collection, job.name)
    ]
    return sorted(found, key=_version)


def _name(obj: bpy.types.Object, job: Planned, earlier: Sequence[bpy.types.Object]) -> str:
    name = job.name if obj.type == "MESH" or len(job.outputs) == 1 else f"{job.name} volume"
    return f"{name}_v{_version(earlier[-1]) + 1:03d}" if earlier else name


def _version(obj: bpy.types.Object) -> int:
    """Return the version in an object's name; 1 without one."""
    found = re.search(r"_v([0-9]{3,6})$", obj.name)
    return int(found[1]) if found else 1


def tags(prompt: str) -> list[str]:
    """Return the words of a prompt that become its asset's tags, each once."""
    words = re.findall(r"[^\W_]+", prompt.lower())
    return list(dict.fromkeys(word for word in words if len(word) >= SHORTEST_TAG))


def _collection(name: str, scene: bpy.types.Scene) -> bpy.types.Collection:
    """Return the collection of that name, created and linked if the scene has none."""
    inside = next((found for found in scene.collection.children_recursive if found.name == name), None)
    if inside is not None:
        return inside
    collection = bpy.data.collections.get(name) or bpy.data.collections.new(name)
    scene.collection.children.link(collection)
    return collection


def _move(obj: bpy.types.Object, collection: bpy.types.Collection) -> None:
    for other in obj.users_collection:
        other.objects.unlink(obj)
    collection.objects.link(obj)
