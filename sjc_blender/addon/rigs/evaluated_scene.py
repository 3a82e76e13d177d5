"""A scene as it is evaluated now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy


def view_layer_of(scene: bpy.types.Scene) -> bpy.types.ViewLayer:
    """The view layer that a scene is seen in: the window's of the active scene, the first one of another."""
    view_layer = bpy.context.view_layer if scene == bpy.context.scene else scene.view_layers[0]
    assert view_layer is not None  # a scene has one
    return view_layer


@contextmanager
def evaluated(scene: bpy.types.Scene) -> Iterator[bpy.types.Depsgraph]:
    """Give the evaluated scene, also of one that is not active."""
    with bpy.context.temp_override(scene=scene, view_layer=view_layer_of(scene)):  # type: ignore[attr-defined]  # the stubs of 5.2
        yield bpy.context.evaluated_depsgraph_get()
