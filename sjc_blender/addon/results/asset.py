# SPDX-License-Identifier: GPL-3.0-or-later
"""Results as assets with name, tags and picture in the Asset Browser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ...protocol.job_folder import JobFolder
from ...protocol.outside_file import UnusableFile, open_outside
from .asset_catalogue import CATALOGUE
from .origin import job_folder_of
from .picture_size import picture_size

PREVIEW_SIDE = 256
"""Pixels of Blender's own large previews."""

LARGEST_SIDE = 8192
"""Most pixels of the picture that a preview is made from."""

ASSET_TEXTS = ("description", "catalog_id", "author", "copyright", "license")

TURNTABLE_ROWS = 2
"""Rows of square views in ``result/turntable.png``; the upper row's first one is the front."""


def mark_as_asset(obj: bpy.types.Object, folder: JobFolder | None = None, tags: Sequence[str] = ()) -> None:
    """See `sjc_blender.addon.api.mark_as_asset`; without a folder it is that of the object's job."""
    folder = job_folder_of(obj) if folder is None else folder
    spec = folder.read_spec()
    obj.asset_mark()
    data = obj.asset_data
    assert data is not None  # asset_mark makes it
    data.description = spec.prompt
    data.catalog_id = CATALOGUE
    for tag in ("sjc", obj.type.lower(), *tags):
        data.tags.new(tag, skip_if_exists=True)
    picture = _picture(folder)
    if picture is not None:
        preview: Any = obj.preview_ensure()
        preview.image_size = (PREVIEW_SIDE, PREVIEW_SIDE)
        pixels: Any = preview.image_pixels_float
        pixels.foreach_set(picture.ravel())


def hand_over(old: bpy.types.Object, new: bpy.types.Object) -> None:
    """Let the other one of mesh and Volume be the asset of a result, where the one that was is hidden now.

    An asset that is hidden would come into other files as nothing.
    """
    told = old.asset_data
    if told is None or old.library is not None or new.asset_data is not None:
        return
    new.asset_mark()
    data: Any = new.asset_data
    for field in ASSET_TEXTS:
        setattr(data, field, getattr(told, field))
    for tag in told.tags:
        data.tags.new(new.type.lower() if tag.name == old.type.lower() else tag.name, skip_if_exists=True)
    source: Any = old.preview
    preview: Any = new.preview_ensure()
    if source is not None and len(source.image_pixels_float):
        preview.image_size = source.image_size
        pixels = np.empty(len(source.image_pixels_float), np.float32)
        source.image_pixels_float.foreach_get(pixels)
        preview.image_pixels_float.foreach_set(pixels)
    old.asset_clear()


def _picture(folder: JobFolder) -> np.ndarray | None:
    """Front of the job's result: [256, 256, 4] float32 sRGB, bottom row first; None if there is no picture."""
    newest = folder.newest_preview()
    for path in (folder.turntable, *([newest] if newest is not None else [])):
        pixels = read_pixels(path) if folder.has(path) else None
        if pixels is not None:
            side = pixels.shape[0] // (TURNTABLE_ROWS if path == folder.turntable else 1)
            return _resized(pixels[-side:, :side])
    return None


def read_pixels(path: Path) -> np.ndarray | None:
    """Return a picture as [height, width, 4], bottom row first; None if it cannot be read."""
    try:
        with open_outside(path) as file:
            if not 0 < max(picture_size(file)) <= LARGEST_SIDE:
                return None
    except UnusableFile:
        return None
    try:
        image: Any = bpy.data.images.load(str(path))
    except RuntimeError:
        return None
    try:
        width, height = image.size
        if not width or not height:
            return None
        # As the file has them: what the browser shows is sRGB.
        image.colorspace_settings.name = "Non-Color"
        pixels = np.empty(width * height * 4, dtype=np.float32)
        image.pixels.foreach_get(pixels)
        return pixels.reshape(height, width, 4)
    finally:
        bpy.data.images.remove(image)


def _resized(pixels: np.ndarray) -> np.ndarray:
    """Return a square picture resized to a preview, bilinear."""
    side = len(pixels)
    at = np.clip((np.arange(PREVIEW_SIDE) + 0.5) * side / PREVIEW_SIDE - 0.5, 0, side - 1)
    low = np.minimum(at.astype(int), max(side - 2, 0))
    high, share = np.minimum(low + 1, side - 1), (at - low).astype(np.float32)[:, None, None]
    rows = pixels[low] * (1 - share) + pixels[high] * share
    columns = rows.swapaxes(0, 1)
    return np.ascontiguousarray((columns[low] * (1 - share) + columns[high] * share).swapaxes(0, 1))
