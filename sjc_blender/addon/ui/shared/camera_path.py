# SPDX-License-Identifier: GPL-3.0-or-later
"""Playing the scene along its camera's path in the background, a few frames at a time."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Generator

import bpy

from ....protocol.errors import SjcError
from ....protocol.spec import Camera
from ...rigs.animation import path_steps
from ...rigs.domain import domain_object, domain_spec
from ...rigs.evaluated_scene import evaluated
from ...rigs.rig_choice import RigChoice
from ...window_events import redraw_sidebars
from . import gradually

NAME = "camera path"
PLAYS = "Wait until the camera's path is played"

progress = 0.0
"""Share of the path that is played."""


def playing() -> bool:
    """Whether a path is being played."""
    return NAME in gradually.running


def play(
    scene: bpy.types.Scene,
    done: Callable[[bpy.types.Scene, RigChoice], object],
    failed: Callable[[SjcError], object],
) -> None:
    """Look along the path that the scene's settings choose; `done` gets the scene and the choice with its views.

    Raises
    ------
    SjcError
        If the domain cannot be used; what is wrong with the path `failed` gets.
    """
    global progress
    settings = scene.sjc  # type: ignore[attr-defined]
    name, choice = scene.name, settings.rig_choice()
    with evaluated(scene) as view:
        box = domain_spec(domain_object(settings.domain), view)

    def finished(cameras: tuple[Camera, ...]) -> None:
        found = bpy.data.scenes.get((name, None))
        if found is not None:
            done(found, dataclasses.replace(choice, played=cameras))

    if not playing():
        progress = 0.0
    # Half of a moment, for the scene has to be put back too.
    steps = path_steps(choice, box, scene, seconds=math.inf if bpy.app.background else gradually.MOMENT / 2)
    gradually.gradually(NAME, _watched(steps), finished, failed)


def _watched(steps: Generator[float, None, tuple[Camera, ...]]) -> Generator[None, None, tuple[Camera, ...]]:
    """Let `progress` tell how far the path is."""
    global progress
    while True:
        try:
            progress = next(steps)
        except StopIteration as end:
            cameras: tuple[Camera, ...] = end.value
            return cameras
        redraw_sidebars()
        yield
