# SPDX-License-Identifier: GPL-3.0-or-later
"""The choice of viewpoints, as a value and as a text for the console and the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

import bpy

from ...protocol.errors import SjcError
from ...protocol.spec import Camera

FORMS = "ORBIT, a collection, REGION:COLLECTION, ANIMATION or ANIMATION:FIRST-LAST"
Mode = Literal["ORBIT", "CAMERAS", "REGION", "ANIMATION"]
MODES = get_args(Mode)
MOST_FRAMES = 1_048_574
"""Blender's last frame."""

SAMPLES = 48
"""Views taken along an animated path, evenly in time."""


@dataclass(frozen=True)
class RigChoice:
    """Where viewpoints come from.

    Attributes
    ----------
    mode : str
        ``"ORBIT"``, the model's own; ``"CAMERAS"``, those of a collection; ``"REGION"``, the part of an orbit
        that a collection's cameras span; ``"ANIMATION"``, the path of the scene's camera.
    collection : bpy.types.Collection or None
        For cameras and region.
    frames : tuple of int or None
        First and last frame of the path; None: the scene's.
    samples : int
        Views along the path, 1 or more, evenly from the first frame to the last, between frames too.
    played : tuple of Camera
        Those views, where the path was played already; see `sjc_blender.addon.rigs.animation.path_steps`.
    """

    mode: Mode = "ORBIT"
    collection: bpy.types.Collection | None = None
    frames: tuple[int, int] | None = None
    samples: int = SAMPLES
    played: tuple[Camera, ...] = ()


def rig_choice(rig: str | bpy.types.Collection | RigChoice) -> RigChoice:
    """Return the choice that a caller names.

    Parameters
    ----------
    rig : str, collection or RigChoice
        As text: ``"ORBIT"``, a collection's name, ``"REGION:<name>"``, ``"ANIMATION"`` or ``"ANIMATION:1-48"``.

    Raises
    ------
    SjcError
        ``unknown_rig``.
    """
    if isinstance(rig, RigChoice):
        return _judged(rig)
    if isinstance(rig, bpy.types.Collection):
        return RigChoice("CAMERAS", rig)
    if not isinstance(rig, str):
        raise SjcError("unknown_rig", f"{repr(rig)[:80]} is no rig.", f"Use {FORMS}.")
    word = rig.strip().upper()
    if rig != word and rig in bpy.data.collections:  # before the words in other letter cases
        return RigChoice("CAMERAS", bpy.data.collections[rig])
    if word in {"ORBIT", "ANIMATION"}:
        return RigChoice("ORBIT" if word == "ORBIT" else "ANIMATION")
    frames = re.fullmatch(r"ANIMATION:(-?\d+)-(-?\d+)", word)
    if frames:
        return RigChoice("ANIMATION", frames=(int(frames[1]), int(frames[2])))
    if rig in bpy.data.collections:
        return RigChoice("CAMERAS", bpy.data.collections[rig])
    region = re.sub("^REGION:", "", rig, flags=re.IGNORECASE)
    if region != rig and region in bpy.data.collections:
        return RigChoice("REGION", bpy.data.collections[region])
    known = ", ".join(sorted(collection.name for collection in bpy.data.collections)) or "none"
    raise SjcError(
        "unknown_rig",
        f"There is no collection {region!r} for the rig.",
        f"Use {FORMS}; the collections are: {known}.",
    )


def _judged(choice: RigChoice) -> RigChoice:
    """Return a choice that somebody made; SjcError ``unknown_rig`` if one of its fields cannot be that."""
    frames, collection = choice.frames, choice.collection
    of_two = isinstance(frames, (tuple, list)) and len(frames) == 2 and all(map(_is_whole, frames))
    faults = {
        "mode": choice.mode not in MODES and f"one of {', '.join(MODES)}",
        "collection": not (collection is None or isinstance(collection, bpy.types.Collection))
        and "a collection or None",
        "frames": not (frames is None or of_two) and f"two frames, up to {MOST_FRAMES}, or None",
        "samples": not (_is_whole(choice.samples) and choice.samples > 0) and "a whole number, 1 or more",
    }
    for field, allowed in faults.items():
        if allowed:
            raise SjcError(
                "unknown_rig", f"{field} of the RigChoice is {repr(getattr(choice, field))[:80]}; allowed: {allowed}."
            )
    if choice.mode in {"CAMERAS", "REGION"} and collection is None:
        raise SjcError(
            "unknown_rig", f"The RigChoice {choice.mode} has no collection.", "Name the one with the cameras."
        )
    return choice


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MOST_FRAMES
