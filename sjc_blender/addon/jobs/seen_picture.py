# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture that a model sees beside the prompt: an image of the file, as a job takes it along."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ...protocol.atomic_write import atomic_path
from ...protocol.errors import SjcError
from ...protocol.outside_file import is_file
from ...protocol.picture import MOST_SIDE, picture_digest
from ..results.asset import read_pixels
from .job_request import absolute

LARGEST_SIDE = 16_384
"""Pixels along a side of an image whose pixels are looked at."""

Picture = bpy.types.Image | str | Path


@dataclass(frozen=True)
class SeenPicture:
    """A picture in sRGB.

    Attributes
    ----------
    pixels : ndarray of uint8 of shape (H, W, 3)
        Top row first.
    """

    pixels: np.ndarray

    @property
    def digest(self) -> str:
        """Digest in a job's spec."""
        height, width, _ = self.pixels.shape
        return picture_digest(width, height, self.pixels.tobytes())

    def write(self, path: Path) -> None:
        """Write ``picture.npz``; SjcError as `sjc_blender.protocol.atomic_write.atomic_path`."""
        with atomic_path(path) as temporary:
            np.savez_compressed(temporary, version=np.int64(1), pixels=self.pixels)


def seen_picture(picture: Picture) -> SeenPicture:
    """Take the pixels of an image, on white where it is transparent, and smaller if it is large.

    Parameters
    ----------
    picture : Image, its name, or the path of a PNG
        A path may begin with ``//``: beside the .blend.

    Raises
    ------
    SjcError
        ``unknown_picture`` if there is no such image, or it has no pixels.
    """
    if isinstance(picture, bpy.types.Image):
        image = picture
    elif str(picture) in bpy.data.images:
        image = bpy.data.images[str(picture)]
    else:
        return SeenPicture(_as_bytes(_of_file(Path(absolute(picture))), linear=False))
    size: Any = image.size
    width, height = size
    if not 0 < max(width, height) <= LARGEST_SIDE or image.channels not in (3, 4) or not min(width, height):
        raise SjcError(
            "unknown_picture",
            f"The image {image.name!r} has {width} x {height} pixels of {image.channels} channels: it can be no job's "
            "picture.",
            f"Choose an image in colour that Blender shows, of up to {LARGEST_SIDE} pixels a side.",
        )
    pixels = np.empty(width * height * image.channels, dtype=np.float32)
    held: Any = image.pixels
    held.foreach_get(pixels)
    return SeenPicture(_as_bytes(pixels.reshape(height, width, image.channels), linear=image.is_float))


def _of_file(path: Path) -> np.ndarray:
    pixels = read_pixels(path) if is_file(path) else None
    if pixels is None:
        raise SjcError(
            "unknown_picture",
            f"There is no image {path.name!r} in this file, and no PNG of up to 4096 pixels a side at {path}.",
            "Open the picture in Blender (Image Editor) and give the image's name, or give the path of a PNG.",
        )
    return pixels


def _as_bytes(pixels: np.ndarray, *, linear: bool) -> np.ndarray:
    """Bring pixels [H, W, 3 or 4], bottom row first, to sRGB on white, of at most `MOST_SIDE` a side.

    Float images are `linear`, and have their colours multiplied by their opacity already.
    """
    pixels = _smaller(np.nan_to_num(pixels[::-1], nan=0.0, posinf=1.0, neginf=0.0))
    colours = pixels[..., :3]
    if pixels.shape[2] == 4:
        opacity = pixels[..., 3:].clip(0, 1)
        colours = (colours if linear else colours * opacity) + (1 - opacity)
    colours = colours.clip(0, 1)
    if linear:
        colours = np.where(colours <= 0.0031308, 12.92 * colours, 1.055 * colours ** (1 / 2.4) - 0.055)
    return np.ascontiguousarray((255 * colours + 0.5).astype(np.uint8))


def _smaller(pixels: np.ndarray) -> np.ndarray:
    """The mean of squares of pixels, as large as they have to be."""
    height, width, channels = pixels.shape
    by = -(-max(height, width) // MOST_SIDE)
    if by == 1:
        return pixels
    rows, columns = max(1, height // by), max(1, width // by)
    kept = pixels[: rows * by, : columns * by]
    if kept.shape[0] < by or kept.shape[1] < by:  # a strip that is narrower than one square
        kept = kept[np.linspace(0, len(kept) - 1, rows * by).astype(int)]
        kept = kept[:, np.linspace(0, kept.shape[1] - 1, columns * by).astype(int)]
    mean: np.ndarray = kept.reshape(rows, by, columns, by, channels).mean(axis=(1, 3), dtype=np.float32)
    return mean
