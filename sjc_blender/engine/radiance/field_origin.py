# SPDX-License-Identifier: GPL-3.0-or-later
"""The field of another job as the start of a new one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from ...protocol.errors import SjcError
from .field import VoxelField, before_activation
from .proxy import INSIDE, OUTSIDE
from .resampling import resample_grid


@torch.no_grad()
def start_from_origin(field: VoxelField, other: VoxelField, *, features: bool, background: bool) -> None:
    """Copy the density of another field into a new one, and its features and background if wanted.

    Parameters
    ----------
    field : VoxelField
        A new field; what is not copied stays as it is.
    other : VoxelField
        On the same grid its values are taken as they are, on a finer one between them, trilinearly, on a coarser one
        as `coarse_density` and `coarse_features` make them.
    features, background : bool
        Whether they are taken too.

    Raises
    ------
    SjcError
        ``origin_of_other_box`` if the box has other proportions, ``origin_of_other_samples`` if the features are wanted
        and have another number of channels.
    """
    apart = (other.half_extents - field.half_extents).abs().max()
    if apart > max(other.voxel_size, field.voxel_size):
        raise SjcError(
            "origin_of_other_box",
            f"The field to start from fills a box of half sides {_sizes(other)}, the job's has {_sizes(field)}.",
            "Give the job a domain of the same proportions.",
        )
    if features and len(other.feature_grid) != len(field.feature_grid):
        raise SjcError(
            "origin_of_other_samples",
            f"The features to start from have {len(other.feature_grid)} channels, the model's samples "
            f"{len(field.feature_grid)}.",
            "Set field.origin.features=false: the shape is taken, and the colours are made anew.",
        )
    coarse = field.voxel_size > other.voxel_size
    if coarse:
        field.density_scale.zero_()
        field.density_grid.copy_(coarse_density(other, field.shape))
    else:
        field.density_scale.copy_(other.density_scale)
        field.density_grid.copy_(_on_grid_of(field, other, other.density_grid))
    if features:
        colours = coarse_features(other, field.shape) if coarse else _on_grid_of(field, other, other.feature_grid)
        field.feature_grid.copy_(colours)
    if background:
        field.background_texture.texels.copy_(other.background_texture.texels)


@torch.no_grad()
def begin_anew(field: VoxelField, features: Tensor, region: Tensor) -> None:
    """Reset a region [nx, ny, nz] to the initial haze, with the noise `features` [C, nx, ny, nz]."""
    field.density_grid.masked_fill_(region, 0.0)
    field.feature_grid.copy_(torch.where(region, features, field.feature_grid))


@torch.no_grad()
def coarse_density(field: VoxelField, shape: tuple[int, int, int]) -> Tensor:
    """Return the density of a field on a coarse grid, softened so that a run can change it.

    A finished density is too steep and too high to give way, and interpolated it would lose what is thinner than the
    coarse voxels. So it is kept between those that a proxy starts with, and averaged.

    Parameters
    ----------
    shape : tuple of int
        Voxels of the coarse grid, which fills the same box.

    Returns
    -------
    Tensor [1, mx, my, mz]
        For a `density_grid`, where d_scale is 0.
    """
    return before_activation(_mean(_soft_density(field), shape))


@torch.no_grad()
def coarse_features(field: VoxelField, shape: tuple[int, int, int]) -> Tensor:
    """Features [C, mx, my, mz] of a field for a coarse grid: means, each place counting by its soft density."""
    density = _soft_density(field)
    return _mean(field.feature_grid * density, shape) / _mean(density, shape)


def _soft_density(field: VoxelField) -> Tensor:
    """Density [1, nx, ny, nz], limited to the range of a proxy's."""
    return field.density_at_voxels().clamp(OUTSIDE, INSIDE)[None]


def _mean(grid: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Means [C, mx, my, mz] of what a grid [C, nx, ny, nz] has in each coarse voxel."""
    return functional.interpolate(grid[None], size=shape, mode="area")[0]


def field_of(origin: Mapping[str, Tensor], like: VoxelField) -> VoxelField:
    """The field of a state dict, on the device of another one."""
    channels, *shape = origin["feature_grid"].shape
    resolution = max(shape)
    half_extents = [size / resolution for size in shape]
    field = VoxelField(half_extents, resolution, channels, feature_std=0.0, pixel_space=like.pixel_space)
    field.load_state_dict(dict(origin))
    return field.to(like.density_grid.device)


def _on_grid_of(field: VoxelField, other: VoxelField, grid: Tensor) -> Tensor:
    return grid if field.shape == other.shape else resample_grid(grid, other, field)


def _sizes(field: VoxelField) -> str:
    return " x ".join(f"{float(half):.3g}" for half in field.half_extents)
