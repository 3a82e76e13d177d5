# SPDX-License-Identifier: GPL-3.0-or-later
"""An edit and what it was made of stand in one place: one of the two is seen."""

from __future__ import annotations

from collections.abc import Sequence

import bpy

from ...protocol.checkpoint_content import checkpoint_content
from ...protocol.errors import SjcError
from ...protocol.spec import JobSpec
from ..kept_values import kept_name
from .origin import is_result, job_folder_of
from .placement import job_of
from .shown import hide_result, show_one, shown_of, together

SOURCE_PROPERTY = "sjc_source"
"""Of an edit's result: the id of the job that it was made of."""

SIDES = ("before", "after")


def take_the_place(objects: Sequence[bpy.types.Object], spec: JobSpec, scene: bpy.types.Scene) -> None:
    """Hide what an edit was made of, where the new objects stand in its place; `show_side` brings it back.

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
    """The objects before and after an edit of which this is either; empty where it is neither, or the other is gone."""
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


def show_side(obj: bpy.types.Object, side: str, scene: bpy.types.Scene) -> bpy.types.Object:
    """Let an edit be seen as it was before, or as it is after; as a mesh or as a Volume, as it is seen now.

    Parameters
    ----------
    obj : Object, its name, or its job
        A result of either.
    side : str
        ``"before"`` or ``"after"``.
    scene : bpy.types.Scene

    Returns
    -------
    bpy.types.Object
        What is seen now, selected and active.

    Raises
    ------
    SjcError
        ``bad_usage``, or ``no_other_side`` if there is nothing to compare.
    """
    if side not in SIDES:
        raise SjcError("bad_usage", f"A side is one of {', '.join(SIDES)}, and not {side!r}.")
    sides = sides_of(obj, scene)
    if not sides:
        raise SjcError(
            "no_other_side",
            f"{obj.name!r} is no edit whose original stands in the same place.",
            "Choose the result of an edit; an original that was moved or deleted is not compared.",
        )
    kind = shown_of(obj, scene).type.lower()
    for other in sides["after" if side == "before" else "before"]:
        hide_result(other, True)
    show_one(sides[side], scene, kind)
    return shown_of(sides[side][0], scene)


def _content_of(obj: bpy.types.Object) -> str:
    try:
        return checkpoint_content(job_folder_of(obj).checkpoint)
    except (SjcError, OSError):  # its job's folder is gone, or holds no checkpoint
        return ""
