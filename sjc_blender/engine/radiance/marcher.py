# SPDX-License-Identifier: GPL-3.0-or-later
"""Choice between the fused kernels and PyTorch's operations."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache

import torch

from ...protocol.errors import SjcError
from .field import VoxelField
from .marching import Marched, RadianceField, march_densely
from .rays import Rays

Marcher = Callable[[RadianceField, Rays, float, float], Marched]


def marcher_for(field: RadianceField) -> Marcher:
    """Return the ray marcher of a field: the fused one if `marches_fused`, else PyTorch's operations."""
    voxels = field.voxels
    return _march_fused if voxels is not None and marches_fused(voxels) else march_densely


def marches_fused(voxels: VoxelField) -> bool:
    """Return whether the fused kernels are used for a field.

    So are voxel fields in float32 on CPUs and CUDA, unless their `renderer` is ``"torch"``. Other devices, AMD's and
    Apple's among them, and other precisions have PyTorch's own operations.

    Raises
    ------
    SjcError
        ``renderer_unavailable`` if the field insists on the fused kernels where they cannot be had.
    """
    if voxels.renderer == "torch":
        return False
    hindrance = _hindrance(voxels.density_grid.dtype, voxels.density_grid.device) or kernel_trouble(voxels)
    if hindrance and voxels.renderer == "fused":
        raise SjcError(
            "renderer_unavailable",
            f"The fused renderer cannot be used here: {hindrance}.",
            'Set field.renderer to "auto" or "torch".',
        )
    return not hindrance


def kernel_trouble(voxels: VoxelField) -> str:
    """Return why the kernels cannot be compiled or loaded for a supported field; empty if they can.

    They are made ready by this, which takes a minute the first time on a computer.
    """
    grid = voxels.density_grid
    if voxels.renderer == "torch" or _hindrance(grid.dtype, grid.device):
        return ""
    # Imported when it is needed: the import takes half a second.
    from .fused.compiled import trouble_with

    return trouble_with(len(voxels.feature_grid), voxels.pixel_space, grid.device)


def would_be_fused(renderer: str, device: torch.device) -> bool:
    """Return whether a field with this `renderer` will use the fused kernels."""
    return renderer != "torch" and not _hindrance(torch.float32, device)


def _hindrance(dtype: torch.dtype, device: torch.device) -> str:
    """Return why the fused kernels do not support a field; empty if they do."""
    if dtype != torch.float32:
        return f"it renders in float32, not in {str(dtype).removeprefix('torch.')}"
    if device.type not in ("cpu", "cuda") or (device.type == "cuda" and torch.version.hip):
        return "it knows CPUs and CUDA only"
    if not _has_warp():
        return "the package warp-lang is not installed"
    return ""


@cache
def _has_warp() -> bool:
    return importlib.util.find_spec("warp") is not None


def _march_fused(field: RadianceField, rays: Rays, weight_threshold: float, emptiness_scale: float) -> Marched:
    # Imported when it is needed: the import takes half a second.
    from .fused.march import march_fused

    return march_fused(field, rays, weight_threshold, emptiness_scale)
