# SPDX-License-Identifier: GPL-3.0-or-later
"""Render settings of pictures, and restoring the scene's own settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import bpy

from ...protocol.errors import SjcError

Settings = Mapping[str, Any]
"""Values by their paths from the scene."""

A_FILE: Settings = {
    # 5.2 asks for the kind of file first.
    "render.image_settings.media_type": "IMAGE",
    "render.image_settings.file_format": "PNG",
    "render.image_settings.color_depth": "8",
    "render.image_settings.color_management": "FOLLOW_SCENE",
    "render.use_file_extension": True,
    "render.use_overwrite": True,
    "render.save_output": True,
    "render.use_multiview": False,
    "render.use_sequencer": False,
}
"""One PNG of the camera, at the path that was asked for; how it looks is the scene's affair."""

SQUARE: Settings = {
    "render.resolution_percentage": 100,
    "render.pixel_aspect_x": 1.0,
    "render.pixel_aspect_y": 1.0,
    "render.use_border": False,
    "render.use_crop_to_border": False,
}
"""With the sides in pixels: the whole picture, and no other size."""

PLAIN: Settings = {
    "render.image_settings.color_mode": "RGBA",
    "render.film_transparent": True,
    "render.filter_size": 1.5,
    "render.dither_intensity": 0.0,
    "render.use_compositing": False,
    "render.use_freestyle": False,
    "render.use_motion_blur": False,
    "render.use_simplify": False,
    "render.use_stamp": False,
    "display_settings.display_device": "sRGB",
    "view_settings.view_transform": "Standard",
    "view_settings.look": "None",
    "view_settings.exposure": 0.0,
    "view_settings.gamma": 1.0,
    "view_settings.use_curve_mapping": False,
    "view_settings.use_white_balance": False,
    "cycles.film_exposure": 1.0,
    "cycles.film_transparent_glass": False,
    "cycles.pixel_filter_type": "BLACKMAN_HARRIS",
    "cycles.filter_width": 1.5,
    "cycles.use_camera_cull": False,
    "cycles.use_distance_cull": False,
    "eevee.use_overscan": False,
}
"""What the scene sends to the camera, as sRGB and opacity, and nothing that is done to pictures afterwards."""


@contextmanager
def picture_settings(scene: bpy.types.Scene, settings: Settings) -> Iterator[None]:
    """Have a scene render with `settings`, from the camera that it is given inside.

    Afterwards everything is as it was: these, the scene's camera and file path, and its markers' cameras, which
    otherwise would take the place of that camera.

    Parameters
    ----------
    settings : Settings
        Those that this Blender does not have are left out.

    Raises
    ------
    SjcError
        ``render_setting`` if one cannot be set: by another colour management than Blender's own, or because the
        scene's animation sets it.
    """
    known = {path: value for path, value in settings.items() if _has(scene, path)}
    before = {path: scene.path_resolve(path) for path in known}
    camera, path = scene.camera, scene.render.filepath
    markers = [(marker, marker.camera) for marker in scene.timeline_markers if marker.camera is not None]
    try:
        for marker, _camera in markers:
            marker.camera = None
        for name, value in known.items():
            _set(scene, name, value)
        _require(scene, known)
        yield
    finally:
        # In the same order: which colours and depths there are depends on the format.
        for name, value in before.items():
            _set(scene, name, value)
        for marker, own in markers:
            marker.camera = own
        scene.camera, scene.render.filepath = camera, path


def _has(scene: bpy.types.Scene, path: str) -> bool:
    try:
        scene.path_resolve(path)
    except ValueError:
        return False
    return True


def _set(scene: bpy.types.Scene, path: str, value: Any) -> None:
    owner, _, name = path.rpartition(".")
    try:
        setattr(scene.path_resolve(owner), name, value)
    except TypeError as error:
        raise _refused(scene, path, value, "this Blender's colour management has no such value") from error


def _require(scene: bpy.types.Scene, settings: Settings) -> None:
    """Check that the evaluated scene has these values: animation and drivers override what is set here."""
    with bpy.context.temp_override(scene=scene, view_layer=scene.view_layers[0]):  # type: ignore[attr-defined]  # the stubs of 5.2
        rendered = bpy.context.evaluated_depsgraph_get().scene_eval
    for path, value in settings.items():
        if rendered.path_resolve(path) != value:
            raise _refused(scene, path, value, "the scene's animation or a driver sets it")


def _refused(scene: bpy.types.Scene, path: str, value: Any, why: str) -> SjcError:
    return SjcError(
        "render_setting",
        f"The pictures need {path} = {value!r} in the scene {scene.name!r}, and {why}.",
        "Remove that from a copy of the scene, and render the copy.",
    )
