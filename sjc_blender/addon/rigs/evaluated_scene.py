"""A scene as it is evaluated now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy


@contextmanager
def evaluated(scene: bpy.types.Scene) -> Iterator[bpy.types.Depsgraph]:
    """Give the evaluated scene, also of one that is not active."""
    view_layer = bpy.context.view_layer if scene == bpy.context.scene else scene.view_layers[0]
    with bpy.context.temp_override(scene=scene, view_layer=view_layer):  # type: ignore[attr-defined]  # the stubs of 5.2
        yield bpy.context.evaluated_depsgraph_get()
