# SPDX-License-Identifier: GPL-3.0-or-later
"""Rays through the pixel centres of a camera."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...protocol.spec import Camera


@dataclass(frozen=True)
class Rays:
    """One ray a pixel, row by row from the top, in domain units.

    Attributes
    ----------
    origins : Tensor [N, 3]
    directions : Tensor [N, 3]
        Of length 1.
    height, width : int
        Pixels; N = height * width.
    """

    origins: Tensor
    directions: Tensor
    height: int
    width: int

    def chosen(self, indices: Tensor) -> Rays:
        """Return some of them as a picture of one row."""
        return Rays(self.origins[indices], self.directions[indices], 1, len(indices))

    def split(self, count: int) -> list[Rays]:
        """Return them in rows of at most `count`."""
        parts = zip(self.origins.split(count), self.directions.split(count), strict=True)
        return [Rays(*part, 1, len(part[0])) for part in parts]


def camera_rays(
    camera: Camera,
    height: int,
    width: int,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Rays:
    """Rays through the pixel centres of an image that fills the camera's window.

    Parameters
    ----------
    camera : Camera
        Perspective: rays start at the camera. Orthographic: they start on its plane.
    height, width : int
        Pixels.
    device, dtype
        Of the tensors; the geometry itself is computed in float64.
    """
    pose = torch.tensor(camera.pose, dtype=torch.float64)
    left, right, bottom, top = camera.window
    x = left + (torch.arange(width, dtype=torch.float64) + 0.5) * ((right - left) / width)
    y = top - (torch.arange(height, dtype=torch.float64) + 0.5) * ((top - bottom) / height)
    rightwards, up, backwards, place = pose[:3].unbind(1)
    perspective = camera.projection == "perspective"
    # The window's points [H, W, 3]: few operations on whole images, for each costs a step time.
    on_window = y[:, None, None] * up + (x[:, None] * rightwards + (-backwards if perspective else place))
    origins, directions = (place, on_window) if perspective else (on_window, -backwards)
    directions = directions / torch.linalg.vector_norm(directions, dim=-1, keepdim=True)
    origins, directions = (
        rows.to(dtype=dtype).expand_as(on_window).reshape(-1, 3).to(device).contiguous()
        for rows in (origins, directions)
    )
    return Rays(origins, directions, height, width)
