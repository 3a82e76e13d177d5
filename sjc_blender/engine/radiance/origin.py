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
    """Give a new field the density of another one, and what else is wanted of it.

    Parameters
    ----------
    field : VoxelField
        At its start. What is not taken over stays as it is.
    other : VoxelField
        On the same grid its values are taken as they are, on a finer one between them, trilinearly, on a coarser one
        as `coarser` makes them.
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
    if field.voxel_size > other.voxel_size:
        field.density_scale.zero_()
        density, colours = coarser(other, field.shape)
    else:
        field.density_scale.copy_(other.density_scale)
        density, colours = (_on_grid_of(field, other, grid) for grid in (other.density_grid, other.feature_grid))
    field.density_grid.copy_(density)
    if features:
        field.feature_grid.copy_(colours)
    if background:
        field.background_texture.texels.copy_(other.background_texture.texels)


@torch.no_grad()
def begin_anew(field: VoxelField, features: Tensor, region: Tensor) -> None:
    """Make the haze that a field begins as, with the noise `features` [C, nx, ny, nz], of a region [nx, ny, nz]."""
    field.density_grid.masked_fill_(region, 0.0)
    field.feature_grid.copy_(torch.where(region, features, field.feature_grid))


@torch.no_grad()
def coarser(field: VoxelField, shape: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    """Density and features of a field on a coarse grid, as a run takes them up: soft, whatever they came to.

    A finished density is too steep and too high to give way, and interpolated it would lose what is thinner than the
    coarse voxels. So it is kept between those that a proxy starts with, and averaged.

    Parameters
    ----------
    field : VoxelField
    shape : tuple of int
        Voxels of the coarse grid, which fills the same box.

    Returns
    -------
    Tensor [1, mx, my, mz]
        For a `density_grid`, where d_scale is 0.
    Tensor [C, mx, my, mz]
        For a `feature_grid`: means, each place counting by its density.
    """
    density = field.density_at_voxels().clamp(OUTSIDE, INSIDE)[None, None]
    means = functional.interpolate(density, size=shape, mode="area")[0]
    features = functional.interpolate(field.feature_grid[None] * density, size=shape, mode="area")[0]
    return before_activation(means), features / means


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
