# SPDX-License-Identifier: GPL-3.0-or-later
"""Resampling of a field and its optimiser's state to another grid, for coarse-to-fine optimisation."""

from __future__ import annotations

import torch
from torch import Tensor

from .field import VoxelField
from .trilinear import interpolate


@torch.no_grad()
def resample_parameters(source: VoxelField, target: VoxelField) -> None:
    """Copy `source` into `target` by trilinear interpolation; both fill the same box with the same channels."""
    target.density_grid.copy_(resample_grid(source.density_grid, source, target))
    target.feature_grid.copy_(resample_grid(source.feature_grid, source, target))
    target.density_scale.copy_(source.density_scale)
    target.background_texture.load_state_dict(source.background_texture.state_dict())


@torch.no_grad()
def resample_optimiser(
    source: torch.optim.Optimizer, target: torch.optim.Optimizer, old: VoxelField, new: VoxelField
) -> None:
    """Carry the moments of Adamax over, so that the run goes on as it was.

    A voxel's gradient is an integral over its volume: with half the side it is an eighth. The moments are
    scaled by the same ratio; else the largest gradient that Adamax divides by, which it forgets over
    thousands of steps, would hold every step down to an eighth.
    """
    ratio = (new.voxel_size / old.voxel_size) ** 3
    held = source.state_dict()["state"]
    parameters = [parameter for group in source.param_groups for parameter in group["params"]]
    grids = {id(old.density_grid), id(old.feature_grid)}
    state = {}
    for index, slots in held.items():
        is_grid = id(parameters[index]) in grids
        state[index] = {
            name: ratio * resample_grid(slot, old, new) if is_grid and slot.ndim == 4 else slot.clone()
            for name, slot in slots.items()
        }
    target.load_state_dict({"state": state, "param_groups": target.state_dict()["param_groups"]})


def resample_grid(grid: Tensor, source: VoxelField, target: VoxelField) -> Tensor:
    """A grid [C, nx, ny, nz] of `source` at the voxel centres of `target` [C, mx, my, mz]."""
    axes = [
        (torch.arange(size, device=grid.device) + 0.5) * target.voxel_size - half
        for size, half in zip(target.shape, target.half_extents, strict=True)
    ]
    centres = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).view(-1, 3)
    return interpolate(grid, centres, source.half_extents).T.reshape(len(grid), *target.shape)
