# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparing an edit with its original, which stand in the same place: one of the two is visible."""

from __future__ import annotations

from collections.abc import Sequence

import bpy

from ...protocol.checkpoint_content import checkpoint_content
from ...protocol.errors import SjcError
from ...protocol.spec import JobSpec
from ..kept_values import kept_name
from .origin import is_result, job_folder_of
from .placement import job_of, target_scene
from .shown import hide_result, show_one, shown_of, together

SOURCE_PROPERTY = "sjc_source"
"""Custom property of an edit's result: the id of the original job."""

SIDES = ("before", "after")


def take_the_place(objects: Sequence[bpy.types.Object], spec: JobSpec, scene: bpy.types.Scene) -> None:
    """Hide the original of an edit where the new objects take its place; `show_side` shows it again.

    The results of the scene are known by the checkpoints of their jobs, which an edit starts from.
    """
    origin = spec.field.origin
    if origin is None or not objects:
        return
    old = [
        obj
        for obj in scene.objects
        if is_result(obj) and obj not in objects and _content_of(obj) == origin.digest and together(objects[0], obj)
    ]
    for obj in old:
        hide_result(obj, True)
    for obj in objects:
        if old:
            obj[SOURCE_PROPERTY] = job_of(old[0])


def sides_of(obj: bpy.types.Object, scene: bpy.types.Scene) -> dict[str, list[bpy.types.Object]]:
    """Return the objects before and after an edit, one of which is `obj`; empty if there are not both."""
    here = [other for other in scene.objects if is_result(other) and together(shown_of(obj, scene), other)]
    job, source = job_of(obj), kept_name(obj, SOURCE_PROPERTY)
    if source:
        after, before = job, source
    else:
        edits = [job_of(other) for other in here if kept_name(other, SOURCE_PROPERTY) == job]
        after, before = (edits[-1] if edits else ""), job
    sides = {
        side: [other for other in here if name and job_of(other) == name]
        for side, name in (("before", before), ("after", after))
    }
    return sides if all(sides.values()) else {}


def show_side(result: bpy.types.Object, side: str, *, scene: bpy.types.Scene | str | None = None) -> bpy.types.Object:
    """Show an edit before or after it was made, as a mesh or a Volume as now.

    Parameters
    ----------
    result : Object, its name, or its job
        Of either side.
    side : str
        ``"before"`` or ``"after"``.
    scene : Scene or its name, optional
        None: the active one.

    Returns
    -------
    Object
        What is seen now, selected and active.

    Raises
    ------
    SjcError
        ``bad_usage``, or ``no_other_side`` if there is nothing to compare.
    """
    scene = target_scene(scene)
    if side not in SIDES:
        raise SjcError("bad_usage", f"A side is one of {', '.join(SIDES)}, and not {side!r}.")
    sides = sides_of(result, scene)
    if not sides:
        raise SjcError(
            "no_other_side",
            f"{result.name!r} is not an edit whose original stands in the same place.",
            "Choose the result of an edit; an original that was moved or deleted is not compared.",
        )
    kind = shown_of(result, scene).type.lower()
    for other in sides["after" if side == "before" else "before"]:
        hide_result(other, True)
    show_one(sides[side], scene, kind)
    return shown_of(sides[side][0], scene)


def _content_of(obj: bpy.types.Object) -> str:
    try:
        return checkpoint_content(job_folder_of(obj).checkpoint)
    except (SjcError, OSError):  # its job's folder is gone, or holds no checkpoint
        return ""
