# SPDX-License-Identifier: GPL-3.0-or-later
"""The evaluated rig of the scene, cached for drawing and updated shortly after a change.

Drawing never evaluates it. An animated path is evaluated only on request, since the scene has to be
played for it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import bpy
from bpy.app.handlers import persistent

from ...protocol.errors import SjcError
from ...protocol.spec import DomainSpec
from .. import clock, window_events
from . import evaluated_scene, occupied
from .evaluated_scene import view_layer_of
from .proxy_box import share_cut_off
from .rig_choice import RigChoice
from .scene_rig import SceneRig, scene_rig

DELAY = 0.3
"""Seconds from a change to the next evaluation, so that dragging a camera does not evaluate at every step."""


@dataclass(frozen=True)
class Look:
    """The last evaluation.

    Attributes
    ----------
    rig : SceneRig or None
        None if the rig cannot be used, or was not looked at yet.
    error : SjcError or None
        Why it cannot be used.
    fresh : bool
        Whether nothing has changed since.
    in_the_way : tuple of str
        Names of the objects that stand where the result will be.
    cut_off : float
        Share, 0 to 1, of the proxy that is outside the domain.
    """

    rig: SceneRig | None = None
    error: SjcError | None = None
    fresh: bool = False
    in_the_way: tuple[str, ...] = ()
    cut_off: float = 0.0


_last = Look()
_settings: tuple[Any, ...] = ()
_changed = True
_own_change = False
"""Whether Blender will report changes that the last evaluation itself made: see `evaluated_scene.staged_last`."""


def current(scene: bpy.types.Scene) -> Look:
    """Return the last evaluation, and schedule another one if anything has changed."""
    fresh = not _changed and _settings == _settings_of(scene)
    if not fresh and scene.sjc.rig != "ANIMATION":  # type: ignore[attr-defined]
        clock.schedule(_tick, DELAY)
    return dataclasses.replace(_last, fresh=fresh) if _settings[:2] == _settings_of(scene)[:2] else Look()


def look(scene: bpy.types.Scene, rig: RigChoice | None = None) -> Look:
    """Evaluate the scene's rig now; `rig` is the choice of its settings where a path was played already."""
    settings = scene.sjc  # type: ignore[attr-defined]
    try:
        jitter, model = settings.jitter_degrees, bpy.path.abspath(settings.model)
        chosen = rig or settings.rig_choice()
        found = scene_rig(chosen, settings.domain, scene, jitter=jitter, model=model)
        seen = Look(
            found, fresh=True, in_the_way=_in_the_way(found.domain, scene), cut_off=_cut_off(found.domain, scene)
        )
    except SjcError as error:
        seen = Look(error=error, fresh=True)
    return keep(scene, seen)


def keep(scene: bpy.types.Scene, seen: Look) -> Look:
    """Store an evaluation of the scene as it is now."""
    global _last, _settings, _changed, _own_change
    _last, _settings = seen, _settings_of(scene)
    _own_change = evaluated_scene.staged_last
    # Evaluating a path plays the scene, which is reported as a change.
    _changed = False
    return _last


def _in_the_way(domain: DomainSpec, scene: bpy.types.Scene) -> tuple[str, ...]:
    """Return the objects in the way, except the domain and the proxy."""
    settings = scene.sjc  # type: ignore[attr-defined]
    apart = [settings.domain]
    for shape in (settings.proxy, settings.guide):
        apart += shape.all_objects if isinstance(shape, bpy.types.Collection) else [shape]
    return tuple(obj.name for obj in occupied.in_the_way(domain, view_layer_of(scene), apart))


def _cut_off(domain: DomainSpec, scene: bpy.types.Scene) -> float:
    proxy = scene.sjc.proxy  # type: ignore[attr-defined]
    if proxy is None:
        return 0.0
    with evaluated_scene.evaluated(scene) as view:
        return share_cut_off(proxy, domain, view)


def _settings_of(scene: bpy.types.Scene) -> tuple[Any, ...]:
    settings, render = scene.sjc, scene.render  # type: ignore[attr-defined]
    return (
        scene.name,
        settings.rig,
        settings.cameras and settings.cameras.name,
        settings.domain and settings.domain.name,
        settings.jitter,
        settings.own_frames and (settings.first_frame, settings.last_frame),
        settings.path_views,
        settings.model,
        settings.proxy and settings.proxy.name,
        settings.guide and settings.guide.name,
        tuple(scene.cursor.location[:]),
        (render.resolution_x, render.resolution_y, render.pixel_aspect_x, render.pixel_aspect_y),
    )


def _tick() -> None:
    scene = bpy.context.scene
    if scene is None or scene.sjc.rig == "ANIMATION" or scene.sjc.rig_obstacle():  # type: ignore[attr-defined]
        return
    look(scene)
    window_events.redraw("VIEW_3D")


@persistent
def _scene_changed(_scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    global _changed, _own_change
    own, _own_change = _own_change, False
    # Otherwise evaluating hidden objects would trigger the next evaluation, endlessly.
    _changed = _changed or not own or any(_is_change(update) for update in depsgraph.updates)


def _is_change(update: bpy.types.DepsgraphUpdate) -> bool:
    """Return whether an update is a real change: adding and removing a stage updates scenes and collections."""
    collections = isinstance(update.id, (bpy.types.Scene, bpy.types.Collection))
    return not collections and (
        not isinstance(update.id, bpy.types.Object) or update.is_updated_transform or update.is_updated_geometry
    )


@persistent
def _file_loaded(*_: Any) -> None:
    global _last, _settings, _changed, _own_change
    _last, _settings, _changed, _own_change = Look(), (), True, False


HOOKS = ((bpy.app.handlers.depsgraph_update_post, _scene_changed), (bpy.app.handlers.load_post, _file_loaded))


def unregister() -> None:
    """Forget what was seen."""
    _file_loaded()
