# SPDX-License-Identifier: GPL-3.0-or-later
"""Conversion between sRGB, used by pictures and models, and linear light, used for compositing.

The curve is that of IEC 61966-2-1, https://www.w3.org/TR/css-color-4/#color-conversion-code.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from ...protocol.atomic_write import atomic_path


def to_linear(srgb: torch.Tensor) -> torch.Tensor:
    """Linear Rec. 709 values of sRGB values, both in [0, 1] and of any shape; others are clamped first."""
    srgb = srgb.clamp(0.0, 1.0)
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def from_linear(linear: torch.Tensor) -> torch.Tensor:
    """sRGB values of linear Rec. 709 values, both in [0, 1] and of any shape; others are clamped first."""
    linear = linear.clamp(0.0, 1.0)
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


GREY = 0.5
"""sRGB value of the grey background of pictures of results."""


def over_grey(rgba: torch.Tensor) -> torch.Tensor:
    """sRGB with straight alpha [4, H, W], composited over grey in linear light: sRGB [3, H, W]."""
    rgb, alpha = to_linear(rgba[:3]), rgba[3]
    return from_linear(rgb * alpha + to_linear(torch.tensor(GREY)).to(rgb) * (1.0 - alpha))


def to_bytes(srgb: torch.Tensor) -> npt.NDArray[np.uint8]:
    """Eight-bit values, rounded, of sRGB values in [0, 1] of any shape."""
    rounded: npt.NDArray[np.uint8] = (srgb.detach().clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).cpu().numpy()
    return rounded


def write_png(path: Path, image: torch.Tensor) -> None:
    """Write an sRGB picture of shape [3, H, W], values in [0, 1], row 0 at the top.

    Raises
    ------
    SjcError
        ``disk_full`` or ``folder_not_writable``; the picture that was there stays.
    """
    pixels = to_bytes(image.movedim(0, -1))
    with atomic_path(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG")
