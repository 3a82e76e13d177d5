# SPDX-License-Identifier: GPL-3.0-or-later
"""A view beside another one, and how much the object changes between the two."""

from __future__ import annotations

import torch
from torch import Tensor

from ...protocol.spec import Camera
from ..cameras.viewpoints import turned
from .losses import PUBLISHED_RAYS

APART = 5.0
"""Degrees, the most that the two views differ in azimuth, and in elevation."""


def near_camera(camera: Camera, generator: torch.Generator) -> Camera:
    """The camera turned about the domain's centre by up to `APART` both ways, uniformly."""
    azimuth, elevation = (APART * (2 * torch.rand(2, generator=generator, dtype=torch.float64) - 1)).tolist()
    return turned(camera, azimuth, elevation)


def appearance_change(image: Tensor, near: Tensor) -> Tensor:
    """Sum over the pixels of the mean absolute difference of two images [C, H, W]; the mean in images of 64 x 64.

    After the consistency of near views in Zero-1-to-3, https://arxiv.org/abs/2303.11328. What changes much within some
    degrees is near a camera, thin, or noise. The sum is divided as that of `losses.emptiness` is.
    """
    return (image - near).abs().mean(dim=0).sum() / PUBLISHED_RAYS
