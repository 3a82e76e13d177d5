# SPDX-License-Identifier: GPL-3.0-or-later
"""Normals of a density."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def surface_normals(density: Tensor, voxel_size: float) -> Tensor:
    """Normals at voxel centres, as long as the surface is distinct there.

    They are minus the gradient of the opacity of a voxel, by central differences: unlike the density's own, it
    is small inside of matter however the density varies there. Beyond the box there is nothing.

    Parameters
    ----------
    density : Tensor [nx, ny, nz]
        Per domain unit.
    voxel_size : float
        Domain units.

    Returns
    -------
    Tensor [nx, ny, nz, 3]
        In the domain's frame, outward, not of unit length; 0 where nothing changes.
    """
    opacity = functional.pad(-torch.expm1(-density * voxel_size), (1, 1, 1, 1, 1, 1))
    slopes = torch.gradient(opacity, spacing=voxel_size)
    return -torch.stack(slopes, dim=-1)[1:-1, 1:-1, 1:-1]
