"""The field of another job as the start of a new one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ...protocol.errors import SjcError
from .field import VoxelField
from .resampling import resample_grid


@torch.no_grad()
def start_from_origin(field: VoxelField, origin: Mapping[str, Tensor], *, features: bool, background: bool) -> None:
    """Give a new field the density of another one, and what else is wanted of it.

    Parameters
    ----------
    field : VoxelField
        At its start. What is not taken over stays as it is.
    origin : mapping of str to Tensor
        State dict of the other field. On the same grid values are taken as they are, else resampled, trilinearly.
    features, background : bool
        Whether they are taken too.

    Raises
    ------
    SjcError
        ``origin_of_other_box`` if the box has other proportions, ``origin_of_other_samples`` if the features are wanted
        and have another number of channels.
    """
    other = _as_field(origin, field)
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
    field.density_scale.copy_(other.density_scale)
    field.density_grid.copy_(_on_grid_of(field, other, other.density_grid))
    if features:
        field.feature_grid.copy_(_on_grid_of(field, other, other.feature_grid))
    if background:
        field.background_texture.texels.copy_(other.background_texture.texels)


@torch.no_grad()
def begin_anew(field: VoxelField, features: Tensor, region: Tensor) -> None:
    """Make the haze that a field begins as, with the noise `features` [C, nx, ny, nz], of a region [nx, ny, nz]."""
    field.density_grid.masked_fill_(region, 0.0)
    field.feature_grid.copy_(torch.where(region, features, field.feature_grid))


def _as_field(origin: Mapping[str, Tensor], like: VoxelField) -> VoxelField:
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
