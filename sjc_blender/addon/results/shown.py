# SPDX-License-Identifier: GPL-3.0-or-later
"""Showing a result as its mesh or as its Volume: both in one place would overlap.

The other one stays in the file, hidden in the viewport and in renders, and comes to where the seen one stands when it
takes its turn.
"""

from __future__ import annotations

from collections.abc import Sequence

import bpy

from ...protocol.errors import SjcError
from .asset import hand_over
from .import_mesh import import_mesh
from .import_volume import import_volume
from .object_frame import domain_now, frame_of
from .origin import job_folder_of
from .placement import job_of, select_result, target_scene

TYPES = {"mesh": "MESH", "volume": "VOLUME"}
"""Object types by kind."""

IMPORTERS = {"volume": import_volume, "mesh": import_mesh}


def checked_kind(kind: str) -> str:
    """Return a valid kind; SjcError ``unknown_output``."""
    kind = kind.strip().lower() if isinstance(kind, str) else kind
    if kind not in TYPES:
        raise SjcError("unknown_output", f"A result cannot be seen as {kind!r}.", f"Choose one of {', '.join(TYPES)}.")
    return kind


def show_one(objects: Sequence[bpy.types.Object], scene: bpy.types.Scene, kind: str = "mesh") -> None:
    """Show and select the result of a kind among a job's new results; if there is none, the others."""
    wanted = [obj for obj in objects if obj.type == TYPES[kind]]
    for obj in objects:
        hide_result(obj, bool(wanted) and obj not in wanted)
    for obj in wanted or objects:
        select_result(obj, scene)


def shown_of(obj: bpy.types.Object, scene: bpy.types.Scene) -> bpy.types.Object:
    """Return the visible object of a result: itself or, while it is hidden, the nearest other one of its job."""
    others = [twin for twin in _twins(obj, scene) if not twin.hide_viewport] if obj.hide_viewport else []
    return _nearest(obj, others) or obj


def show_as(result: bpy.types.Object, kind: str, *, scene: bpy.types.Scene | str | None = None) -> bpy.types.Object:
    """Show a result as its mesh or as its Volume, where it stands now, and hide the other one.

    Parameters
    ----------
    result : Object, its name, or its job
    kind : str
        ``"mesh"`` or ``"volume"``. What is not in the scene is made from the job's folder.
    scene : Scene or its name, optional
        None: the active one.

    Returns
    -------
    Object
        The one that is seen now, selected and active.

    Raises
    ------
    SjcError
        ``unknown_output``, ``not_a_result``, ``result_folder_missing``, ``no_result``, ``broken_result``.
    """
    kind = checked_kind(kind)
    scene, wanted = target_scene(scene), TYPES[kind]
    seen = shown_of(result, scene)
    if seen.type == wanted:
        taking = seen
        _put_away(seen, [twin for twin in _twins(seen, scene) if together(seen, twin)])
    else:
        taking = _spare(seen, scene) or IMPORTERS[kind](job_folder_of(seen), scene)
        place = domain_now(seen)
        _join(taking, seen)
        taking.matrix_world = place @ frame_of(taking).from_domain.inverted()
        _put_away(taking, [seen])
    select_result(taking, scene)
    return taking


def hide_result(obj: bpy.types.Object, hidden: bool) -> None:
    """Hide or show an object in the viewport and in renders."""
    # Not by the eye, which Show Hidden Objects opens again.
    obj.hide_viewport = obj.hide_render = hidden


def together(first: bpy.types.Object, second: bpy.types.Object) -> bool:
    """Return whether the domains of two results are in the same place."""
    here, there = domain_now(first), domain_now(second)
    size = max(here.to_scale()[:])
    return (here.translation - there.translation).length <= 1e-3 * size


def companion_of(obj: bpy.types.Object, scene: bpy.types.Scene) -> bpy.types.Object | None:
    """Return the nearest object of the other type (mesh or Volume) of the same result, if it is in the same place."""
    return _nearest(obj, [twin for twin in _twins(obj, scene) if together(obj, twin)])


def _put_away(seen: bpy.types.Object, others: Sequence[bpy.types.Object]) -> None:
    hide_result(seen, False)
    for other in others:
        hide_result(other, True)
        hand_over(other, seen)


def _twins(obj: bpy.types.Object, scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """Return the objects of the same job and the other type."""
    job = job_of(obj)
    types = set(TYPES.values()) - {obj.type}
    return [other for other in scene.objects if other.type in types and job and job_of(other) == job]


def _spare(seen: bpy.types.Object, scene: bpy.types.Scene) -> bpy.types.Object | None:
    """Return the hidden object of the other type, or the one in the same place; a copy if another result uses it."""
    twins = _twins(seen, scene)
    found = _nearest(seen, [twin for twin in twins if twin.hide_viewport or together(seen, twin)])
    if found is not None or not twins:
        return found
    return twins[0].copy()


def _nearest(obj: bpy.types.Object, others: Sequence[bpy.types.Object]) -> bpy.types.Object | None:
    here = obj.matrix_world.translation
    return min(others, key=lambda other: (other.matrix_world.translation - here).length, default=None)


def _join(obj: bpy.types.Object, other: bpy.types.Object) -> None:
    """Move an object to the collections and the parent of another one."""
    for collection in set(obj.users_collection) - set(other.users_collection):
        collection.objects.unlink(obj)
    for collection in set(other.users_collection) - set(obj.users_collection):
        collection.objects.link(obj)
    obj.parent, obj.parent_type, obj.parent_bone = other.parent, other.parent_type, other.parent_bone
    obj.matrix_parent_inverse = other.matrix_parent_inverse
