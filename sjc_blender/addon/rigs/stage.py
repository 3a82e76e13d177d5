# SPDX-License-Identifier: GPL-3.0-or-later
"""A temporary scene in which objects that are not visible in another scene are evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import bpy

from ...protocol.errors import SjcError

EVALUATED_WITH = (
    "camera",
    "active_clip",
    "gravity",
    "use_gravity",
    "frame_start",
    "frame_end",
    "unit_settings.scale_length",
    "render.fps",
    "render.fps_base",
    "render.frame_map_old",
    "render.frame_map_new",
    "render.resolution_x",
    "render.resolution_y",
    "render.resolution_percentage",
    "render.pixel_aspect_x",
    "render.pixel_aspect_y",
    "render.use_simplify",
    "render.simplify_subdivision",
    "render.simplify_child_particles",
)
"""Settings of a scene, beside the frame, that objects, modifiers and constraints depend on."""


class Stage:
    """A copy of a scene's settings with chosen visible objects."""

    def __init__(self, scene: bpy.types.Scene) -> None:
        # Not by scene.copy(), whose objects would have to be taken out one by one: seconds for a few thousand.
        self._scene = bpy.data.scenes.new(scene.name)
        for path in EVALUATED_WITH:
            owner, _, name = path.rpartition(".")
            setattr(_owner(self._scene, owner), name, getattr(_owner(scene, owner), name))
        for name in scene.keys():  # noqa: SIM118 - a scene is no dictionary
            value: Any = scene[name]
            # What other add-ons keep there in groups no driver asks for.
            if isinstance(value, (int, float, str)):
                self._scene[name] = value
        self._frame, self._subframe = scene.frame_current, scene.frame_subframe

    def show(self, objects: Sequence[bpy.types.Object], called: str) -> bpy.types.Depsgraph:
        """Return a dependency graph with these objects."""
        off = [obj for obj in objects if obj.hide_viewport]
        try:
            for obj in objects:
                obj.hide_viewport = False
                self._scene.collection.objects.link(obj)
            with _handlers_off():
                # The one way to have all of it evaluated, drivers too, and nothing written back into the file.
                self._scene.frame_set(self._frame, subframe=self._subframe)
        finally:
            for obj in off:
                obj.hide_viewport = True
        graph = self._scene.view_layers[0].depsgraph
        assert graph is not None  # the frame has made it
        for obj in objects:
            if obj.evaluated_get(graph).hide_viewport:
                raise _not_evaluated(obj, called, f"is switched off by its animation at frame {self._frame}")
            if obj.rigid_body is not None and obj.rigid_body.type == "ACTIVE":
                raise _not_evaluated(obj, called, "is moved by physics and is hidden")
        return graph

    def close(self) -> None:
        """Remove it."""
        bpy.data.scenes.remove(self._scene)


@contextmanager
def _handlers_off() -> Iterator[None]:
    """Suspend other add-ons' handlers, which must not see a temporary scene."""
    handlers = bpy.app.handlers
    lists: Any = (
        handlers.frame_change_pre,
        handlers.frame_change_post,
        handlers.depsgraph_update_pre,
        handlers.depsgraph_update_post,
    )
    kept = [list(hung_in) for hung_in in lists]
    try:
        for hung_in in lists:
            hung_in.clear()
        yield
    finally:
        for hung_in, before in zip(lists, kept, strict=True):
            hung_in[:] = before


def _owner(scene: bpy.types.Scene, path: str) -> Any:
    return scene.path_resolve(path) if path else scene


def _not_evaluated(obj: bpy.types.Object, called: str, what: str) -> SjcError:
    return SjcError(
        "not_evaluated", f"{obj.name!r} of the {called} {what}, so Blender does not tell where it is.", "Show it."
    )
