# SPDX-License-Identifier: GPL-3.0-or-later
"""Losses on differences between neighbours, of voxels and of pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .losses import PUBLISHED_RAYS

ROUNDING = 1e-3
"""Below it a difference counts by its square, so that equal neighbours have a slope, and it is 0."""


def total_variation(grid: Tensor, voxel_size: float) -> Tensor:
    """Mean over the voxels of the length of a channel's gradient, summed over the channels.

    Plenoxels, https://arxiv.org/abs/2112.05131, Eq. 4. A gradient counts per domain unit, so that the same content has
    the same loss on a finer grid.

    Parameters
    ----------
    grid : Tensor [C, nx, ny, nz]
        Values before their activation.
    voxel_size : float
        In domain units.
    """
    squares = torch.zeros_like(grid)
    for axis in (1, 2, 3):
        after = [0, 0] * (3 - axis) + [0, 1]
        squares = squares + functional.pad(grid.diff(dim=axis), after).square()
    lengths = torch.sqrt(squares + ROUNDING**2) - ROUNDING
    return lengths.sum() / (grid[0].numel() * voxel_size)


def depth_variation(depth: Tensor) -> Tensor:
    """Half the sum of the absolute differences between neighbouring pixels' depths; the mean in images of 64 x 64.

    Of the voxel branch of Zero-1-to-3, https://arxiv.org/abs/2303.11328. The sum is divided as that of
    `losses.emptiness` is.

    Parameters
    ----------
    depth : Tensor [H, W]
        Domain units.
    """
    return (depth.diff(dim=0).abs().sum() + depth.diff(dim=1).abs().sum()) / (2 * PUBLISHED_RAYS)
