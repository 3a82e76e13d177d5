# SPDX-License-Identifier: GPL-3.0-or-later
"""Total variation: a loss on differences between neighbouring voxels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

ROUNDING = 1e-3
"""Differences below it count by their squares, so that the gradient at 0 exists."""


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
