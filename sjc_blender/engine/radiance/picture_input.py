# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture in a job's folder that the model sees beside the prompt."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...protocol.array_file import BadArrays
from ...protocol.picture import MOST_SIDE, picture_digest
from .input_file import read_input


def read_picture(path: Path, digest: str) -> np.ndarray:
    """Read the picture that the add-on has laid into a job's folder.

    Parameters
    ----------
    path : Path
        ``picture.npz``.
    digest : str
        See `sjc_blender.protocol.picture.picture_digest`.

    Returns
    -------
    ndarray of uint8 of shape (H, W, 3)
        sRGB, top row first.

    Raises
    ------
    SjcError
        ``picture_missing`` if the file cannot be read or holds no picture, ``picture_changed`` if it is not the one of
        the job's settings.
    """
    return read_input(path, ["pixels"], 3 * MOST_SIDE**2, _digest, digest)["pixels"]


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    pixels = arrays["pixels"]
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise BadArrays(f"its pixels are {pixels.dtype} of the shape {pixels.shape}, not bytes of three colours")
    if min(pixels.shape) < 1 or max(pixels.shape) > MOST_SIDE:
        raise BadArrays(f"it has {pixels.shape[1]} x {pixels.shape[0]} pixels; allowed are 1 to {MOST_SIDE} a side")
    return picture_digest(pixels.shape[1], pixels.shape[0], pixels.tobytes())
