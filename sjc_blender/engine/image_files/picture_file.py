# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures from outside, read as sRGB with straight alpha."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...protocol.outside_file import UnusableFile, read_outside

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
"""Accepted formats; Pillow starts other programs for some others."""

LARGEST_FILE = 256 * 2**20
MOST_PIXELS = 2**26
"""Of one picture; 256 MB as RGBA."""

ORIENTATION = 0x0112
UPRIGHT = {0, 1}
QUARTER_TURNS = {5, 6, 7, 8}
"""Values of EXIF's orientation: as stored, and with width and height exchanged."""


class UnusablePicture(ValueError):
    """Raised for an unusable picture; the message is the end of a sentence that begins with its name."""


def open_picture(path: Path, declared: tuple[int, int] | None = None) -> Image.Image:
    """Read a picture as RGBA with 8 bits a channel; 16 bits are rounded to 8.

    Parameters
    ----------
    declared : tuple of int, optional
        Width and height that its camera was described for. They decide whether a picture that asks to be turned is
        meant as it is stored or as it is shown.

    Raises
    ------
    UnusablePicture
    """
    try:
        content = read_outside(path, LARGEST_FILE)
    except UnusableFile as error:
        raise UnusablePicture(str(error)) from error
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                found = f"{opened.width} x {opened.height}"
                raise UnusablePicture(f"has {found} pixels; allowed: up to {MOST_PIXELS:,} in all")
            if _has_another(opened):
                raise UnusablePicture("has several pictures in one file; allowed: one")
            opened.load()
            return _eight_bits(_turned(opened, declared))
    except UnusablePicture:
        raise
    except Exception as error:  # whatever a damaged file makes a decoder raise
        kinds = ", ".join(FORMATS)
        raise UnusablePicture(f"cannot be read ({error or type(error).__name__}); allowed: {kinds}") from error


def _has_another(picture: Image.Image) -> bool:
    """Return whether the file holds a second picture; counting those of a TIFF would read all of it."""
    try:
        picture.seek(1)
    except EOFError:
        return False
    return True


def shrunk(picture: Image.Image, size: int) -> Image.Image:
    """Average a picture down until its longer side has at most `size` pixels."""
    shrink = size / max(picture.size)
    if shrink >= 1:
        return picture
    wanted = max(1, round(picture.width * shrink)), max(1, round(picture.height * shrink))
    if picture.mode != "RGBA":
        return picture.resize(wanted, Image.Resampling.BOX)
    # Premultiplied, or the colour of what is transparent bleeds over the edges.
    return picture.convert("RGBa").resize(wanted, Image.Resampling.BOX).convert("RGBA")


def squared(picture: np.ndarray) -> np.ndarray:
    """Put a picture (uint8 [H, W, 3]) into the middle of a white square."""
    height, width, _ = picture.shape
    side = max(height, width)
    square = np.full((side, side, 3), 255, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = picture
    return square


def as_tensor(picture: Image.Image | np.ndarray) -> Tensor:
    """Return the pixels [H, W, C] in [0, 1]."""
    values = torch.from_numpy(np.asarray(picture, dtype=np.float32) / 255.0)
    return values if values.ndim == 3 else values[..., None]


def _turned(picture: Image.Image, declared: tuple[int, int] | None) -> Image.Image:
    orientation = picture.getexif().get(ORIENTATION, 1)
    if orientation in UPRIGHT:
        return picture
    stored = picture.size
    if declared is not None and orientation in QUARTER_TURNS and stored[0] != stored[1]:
        # Most programs that estimate cameras ignore the orientation in EXIF.
        if _same_shape(stored, declared):
            return picture
        if _same_shape(stored[::-1], declared):
            turns = {5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE}
            return picture.transpose(turns.get(orientation, Image.Transpose.ROTATE_90))
    raise UnusablePicture(
        f"is to be turned when shown (EXIF orientation {orientation}), and nothing tells whether its camera knew; "
        "save it upright, or give w and h"
    )


def _same_shape(first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Return whether two sizes have the same aspect ratio, to a pixel."""
    scale = first[0] / second[0]
    return abs(first[1] - second[1] * scale) <= max(1.0, scale)


def _eight_bits(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format == "PNG"):
        if "transparency" in picture.info:
            raise UnusablePicture("is 16-bit grey with a transparent colour; allowed: an alpha channel")
        values = np.asarray(picture).astype(np.float64) / 257.0
        return Image.fromarray(values.round().astype(np.uint8)).convert("RGBA")
    if picture.mode not in {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX"}:
        raise UnusablePicture(f"has pixels of the kind {picture.mode}; allowed: grey, RGB or a palette, 8 or 16 bits")
    return picture.convert("RGBA")
