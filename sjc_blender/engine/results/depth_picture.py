# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth as grey pictures."""

from __future__ import annotations

import torch
from torch import Tensor

from ...protocol.spec import Camera


def depth_picture(depth: Tensor, camera: Camera, radius: float) -> Tensor:
    """Depth as grey: near is white, far is dark, nothing is black.

    The scale depends on the camera's distance alone, so that the pictures of a level path can be compared: white
    is `radius` before the domain's centre (or the camera itself), black as much behind it.

    Parameters
    ----------
    depth : Tensor [H, W]
        Distance from the camera, or for parallel views from its plane, in domain units; infinite where nothing is.
    radius : float
        Of a ball around the domain, in domain units.

    Returns
    -------
    Tensor [H, W] in [0, 1]
    """
    eye = torch.tensor([row[3] for row in camera.pose[:3]], dtype=torch.float64)
    back = torch.tensor([row[2] for row in camera.pose[:3]], dtype=torch.float64)
    centre = float(eye.norm() if camera.projection == "perspective" else eye @ back)
    near, far = max(0.0, centre - radius), centre + radius
    return ((far - depth) / (far - near)).clamp(0.0, 1.0)
