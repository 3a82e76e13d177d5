# SPDX-License-Identifier: GPL-3.0-or-later
"""Sampling viewpoints along the path of the scene's camera."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import bpy

from ...protocol.errors import SjcError
from ...protocol.spec import Camera, DomainSpec
from ..run_to_end import run_to_end
from .animated_property import action_curves
from .camera import UnusableCamera, described_camera, unusable_cameras
from .evaluated_scene import EvaluatedScene, evaluated
from .rig_choice import RigChoice


def path_cameras(choice: RigChoice, domain: DomainSpec, scene: bpy.types.Scene) -> tuple[Camera, ...]:
    """Play the whole path at once; see `path_steps`."""
    return run_to_end(path_steps(choice, domain, scene))


def path_steps(
    choice: RigChoice, domain: DomainSpec, scene: bpy.types.Scene, *, seconds: float = math.inf
) -> Generator[float, None, tuple[Camera, ...]]:
    """Describe the scene's camera at times spread evenly over a range of frames, between frames too.

    Whatever moves it counts: keys of the camera and its lens, parents, constraints, drivers, and markers that
    switch cameras. The domain stays where it is now. After each step the scene is as it was: its frame, its camera,
    and values that were changed and not keyed yet.

    Parameters
    ----------
    scene : bpy.types.Scene
        Found again by its name at each step, for Blender may free it between two.
    seconds : float
        How long a step plays, one moment at least.

    Yields
    ------
    float
        Share of the moments that are played.

    Raises
    ------
    SjcError
        ``no_cameras`` without a camera, ``bad_frames``, ``unusable_cameras`` with the moments that cannot be used,
        ``rendering`` while Blender renders the scene, ``scene_missing``.
    """
    name = scene.name
    first, last = choice.frames or (scene.frame_start, scene.frame_end)
    if first > last or choice.samples < 1:
        raise SjcError(
            "bad_frames",
            f"The animation's frames are {first} to {last}, with {choice.samples} views.",
            "Choose a last frame after the first one, and one view or more.",
        )
    moments = [first + (last - first) * index / max(1, choice.samples - 1) for index in range(choice.samples)]
    cameras: list[Camera] = []
    unusable: list[UnusableCamera] = []
    played = 0
    while played < len(moments):
        found = bpy.data.scenes.get((name, None))
        if found is None:
            raise SjcError("scene_missing", f"The scene {name!r} is not there any more.", "Start again.")
        if bpy.app.is_job_running("RENDER"):
            raise SjcError(
                "rendering", "Blender renders, and the animation cannot be played.", "Wait until it is done."
            )
        with evaluated(found) as view, _as_it_was(found):
            until = time.perf_counter() + seconds
            while True:
                try:
                    cameras.append(_camera_at(moments[played], domain, view))
                except UnusableCamera as trouble:
                    unusable.append(trouble)
                played += 1
                if played == len(moments) or time.perf_counter() >= until:
                    break
        yield played / len(moments)
    if unusable:
        raise unusable_cameras("the animation", unusable)
    return tuple(cameras)


def _camera_at(moment: float, domain: DomainSpec, view: EvaluatedScene) -> Camera:
    scene = view.scene
    # Blender takes the subframe as a share of what follows the frame, so that it is never negative.
    scene.frame_set(math.floor(moment), subframe=moment - math.floor(moment))
    camera = view.camera()
    if camera is None:
        raise SjcError(
            "no_cameras",
            f"The scene {scene.name!r} has no camera at frame {moment:g}.",
            "Choose one in the scene's properties, or take the orbit.",
        )
    return described_camera(camera, domain, scene, name=f"{camera.name}, frame {moment:.6g}")


@contextmanager
def _as_it_was(scene: bpy.types.Scene) -> Iterator[None]:
    """Allow other frames inside, and restore the scene afterwards, with changes that are not keyed."""
    frame, subframe, camera = scene.frame_current, scene.frame_subframe, scene.camera
    held = [
        (owner, curve.data_path, curve.array_index)
        for owner in _animated()
        for curve in action_curves(owner.animation_data)
    ]
    values = [_read(*channel) for channel in held]
    try:
        yield
    finally:
        scene.frame_set(frame, subframe=subframe)
        scene.camera = camera
        for channel, value in zip(held, values, strict=True):
            if value is not None and _read(*channel) != value:
                _write(*channel, value)


def _animated() -> Iterator[Any]:
    """Yield every data-block that uses an action, embedded ones too."""
    for prop in bpy.data.bl_rna.properties:
        if prop.type != "COLLECTION":
            continue
        for block in getattr(bpy.data, prop.identifier):
            for owner in (block, getattr(block, "node_tree", None)):
                data = getattr(owner, "animation_data", None)
                if data is not None and data.action is not None:
                    yield owner


def _read(owner: Any, path: str, index: int) -> Any:
    """Return the value that a curve animates; None if its path is invalid."""
    try:
        value = owner.path_resolve(path)
    except ValueError:
        return None
    return value[index] if hasattr(value, "__getitem__") and not isinstance(value, str) else value


def _write(owner: Any, path: str, index: int, value: Any) -> None:
    target = owner.path_resolve(path)
    if hasattr(target, "__getitem__") and not isinstance(target, str):
        target[index] = value
        return
    head, name, key = re.fullmatch(r"(.*?)\.?(?:(\w+)|\[\"([^\"]*)\"\])", path).groups()  # type: ignore[union-attr]
    holder = owner.path_resolve(head) if head else owner
    if key is not None:
        holder[key] = value
    else:
        setattr(holder, name, value)
