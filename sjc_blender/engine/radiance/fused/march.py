"""Marching rays through a voxel field in fused kernels, forth and back."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ..field import DENSITY_SHIFT, VoxelField
from ..marching import STEPS_PER_VOXEL, Marched, intersect_box
from ..rays import Rays
from .launch import address, launch
from .march_kernels import March, march_kernels

RAYS_A_PIECE = 512
CELLS_A_SLAB = 12


def march_fused(field: VoxelField, rays: Rays, weight_threshold: float) -> Marched:
    """March as `marching.march_densely` does, with the same samples and results, on a CPU or CUDA, in float32."""
    entries, lengths = intersect_box(rays, field.half_extents)
    images, weights, depths, passed = _March.apply(
        field.density_grid, field.feature_grid, field.density_scale.exp(), field, rays, entries, lengths, weight_threshold
    )
    return Marched(images, weights, depths, passed)


class _March(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any,
        density_grid: Tensor,
        feature_grid: Tensor,
        density_factor: Tensor,
        field: VoxelField,
        rays: Rays,
        entries: Tensor,
        lengths: Tensor,
        threshold: float,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        device, count, channels = density_grid.device, len(entries), len(feature_grid)
        step = field.voxel_size / STEPS_PER_VOXEL
        samples = _samples(field, lengths, step)
        features = _voxel_major(feature_grid)
        raws, weights = (torch.empty(count, samples, device=device) for _ in range(2))
        images = torch.empty(count, channels, device=device)
        depths, passed = (torch.empty(count, device=device) for _ in range(2))
        tensors = {
            "origins": rays.origins,
            "directions": rays.directions,
            "entries": entries,
            "lengths": lengths,
            "density_grid": density_grid.detach(),
            "feature_grid": features,
            "density_factor": density_factor.detach(),
            "raws": raws,
            "weights": weights,
            "images": images,
            "depths": depths,
            "passed": passed,
        }
        march = _arguments(field, tensors, samples, step, threshold)
        context.kernels = march_kernels(channels, field.pixel_space)
        _run_by_rays(context.kernels.forward, march, count, device)
        context.march, context.tensors = march, tensors
        return images, weights, depths, passed

    @staticmethod
    def backward(context: Any, of_images: Tensor, of_weights: Tensor, of_depths: Tensor, of_passed: Tensor) -> Any:
        march, tensors = context.march, context.tensors
        count, device = len(of_images), of_images.device
        grid, features = tensors["density_grid"], tensors["feature_grid"]
        gradients = {
            "image_gradients": of_images.contiguous(),
            "weight_gradients": of_weights.contiguous(),
            "depth_gradients": of_depths.contiguous(),
            "passed_gradients": of_passed.contiguous(),
            "raw_gradients": torch.empty_like(tensors["raws"]),
            "factor_gradients": torch.empty(count, device=device),
            "density_gradients": torch.zeros_like(grid),
            "feature_gradients": torch.zeros_like(features),
        }
        _point(march, gradients)
        _run_by_rays(context.kernels.backward, march, count, device)
        _scatter(context.kernels.scatter, march, count, gradients)
        of_factor = gradients["factor_gradients"].sum()
        of_features = gradients["feature_gradients"].movedim(-1, 0)
        return gradients["density_gradients"], of_features, of_factor, None, None, None, None, None


def _samples(field: VoxelField, lengths: Tensor, step: float) -> int:
    """Samples of the longest ray; on CUDA of the longest that there can be, because asking would wait for the device."""
    longest = 2 * math.hypot(*field.half_size) if lengths.is_cuda else float(lengths.max())
    return max(1, math.ceil(longest / step))


def _voxel_major(feature_grid: Tensor) -> Tensor:
    """The features [nx, ny, nz, C] of a grid [C, nx, ny, nz]; those of `VoxelField` lie in memory like this."""
    return feature_grid.detach().movedim(0, -1).contiguous()


def _arguments(field: VoxelField, tensors: dict[str, Tensor], samples: int, step: float, threshold: float) -> Any:
    march = March()
    _point(march, tensors)
    march.nx, march.ny, march.nz = field.shape
    march.hx, march.hy, march.hz = field.half_size
    march.samples, march.step, march.voxel_size = samples, step, field.voxel_size
    march.threshold, march.shift = threshold, DENSITY_SHIFT
    return march


def _point(march: Any, tensors: dict[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        setattr(march, name, address(name, tensor))


def _run_by_rays(kernel: Any, march: Any, count: int, device: torch.device) -> None:
    """Run a kernel in which rays have nothing to do with each other."""
    piece = count if device.type == "cuda" else RAYS_A_PIECE
    launch(kernel, [(min(piece, count - first), [march, first]) for first in range(0, count, piece)], device)


def _scatter(kernel: Any, march: Any, count: int, gradients: dict[str, Tensor]) -> None:
    """Add the samples' gradients up on the voxels; see ``kernels/scatter.h``."""
    density, features = gradients["density_gradients"][0], gradients["feature_gradients"]
    slabs = 1 if density.is_cuda else max(1, march.nx // CELLS_A_SLAB)
    bounds = [march.nx * slab // slabs for slab in range(slabs + 1)]
    borders = [(torch.zeros_like(density[0]), torch.zeros_like(features[0])) for _ in bounds[1:-1]]
    addresses = [(of_density.data_ptr(), of_features.data_ptr()) for of_density, of_features in borders] + [(0, 0)]
    arguments = [[march, *ends, *border] for *ends, border in zip(bounds, bounds[1:], addresses, strict=False)]
    launch(kernel, [(count, chosen) for chosen in arguments], density.device)
    for bound, (of_density, of_features) in zip(bounds[1:], borders, strict=False):
        density[bound] += of_density
        features[bound] += of_features
