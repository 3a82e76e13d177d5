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

RAYS_A_PIECE = 64
MIN_CELLS_A_SLAB = 4
MAX_SLABS = 8
RUNS_A_THREAD = 2


def march_fused(field: VoxelField, rays: Rays, weight_threshold: float, emptiness_scale: float) -> Marched:
    """March as `marching.march_densely` does, with the same samples and results, on a CPU or CUDA, in float32.

    `backward` adds the gradients of the voxels to the parameters; `torch.autograd.grad` does not see them.
    """
    weights, *sums = _March.apply(
        field.density_grid,
        field.feature_grid,
        field.density_scale.exp(),
        field,
        rays,
        intersect_box(rays, field.half_extents),
        weight_threshold,
        emptiness_scale,
    )
    return Marched(weights, *sums)


class _March(torch.autograd.Function):
    """The kernels for autograd.

    Gradients of the two grids are added to the parameters' `grad` at once: passing them on would need as much memory
    again, and time to fill it with zeros and to add it up.
    """

    @staticmethod
    def forward(
        context: Any,
        density_grid: Tensor,
        feature_grid: Tensor,
        density_factor: Tensor,
        field: VoxelField,
        rays: Rays,
        segments: tuple[Tensor, Tensor],
        threshold: float,
        emptiness_scale: float,
    ) -> tuple[Tensor, ...]:
        # What no loss asks for has no gradient: the weights, as a rule, which would be the largest.
        context.set_materialize_grads(False)
        entries, lengths = segments
        device, count, channels = density_grid.device, len(entries), len(feature_grid)
        step = field.voxel_size / STEPS_PER_VOXEL
        samples = _samples(field, lengths, step)
        features = _voxel_major(feature_grid)
        counts = torch.empty(count, dtype=torch.int32, device=device)
        raws, weights = (torch.empty(count, samples, device=device) for _ in range(2))
        images = torch.empty(count, channels, device=device)
        depths, passed, log_sums = (torch.empty(count, device=device) for _ in range(3))
        tensors = {
            "origins": rays.origins,
            "directions": rays.directions,
            "entries": entries,
            "lengths": lengths,
            "density_grid": density_grid.detach(),
            "feature_grid": features,
            "density_factor": density_factor.detach(),
            "raws": raws,
        }
        made = {"weights": weights, "images": images, "depths": depths, "passed": passed, "log_sums": log_sums}
        march = _arguments(field, tensors | made, samples, step)
        march.threshold, march.emptiness_scale = threshold, emptiness_scale
        march.counts = counts.data_ptr()
        context.kernels = march_kernels(channels, field.pixel_space)
        launch(context.kernels.forward, [march], count, RAYS_A_PIECE, device)
        # What is returned knows the context: as attributes of it, each step's tensors would keep one another alive.
        context.save_for_backward(*made.values())
        context.march, context.tensors, context.field, context.counts = march, tensors, field, counts
        return tuple(made.values())

    @staticmethod
    def backward(context: Any, of_weights: Tensor | None, *of_sums: Tensor | None) -> Any:
        march, tensors, (_alive, *sums) = context.march, context.tensors, context.saved_tensors
        count, device = len(sums[0]), sums[0].device
        field: VoxelField = context.field
        of_images, of_depths, of_passed, of_log_sums = (
            torch.zeros_like(value) if gradient is None else gradient.contiguous()
            for value, gradient in zip(sums, of_sums, strict=True)
        )
        gradients = {
            "image_gradients": of_images,
            "depth_gradients": of_depths,
            "passed_gradients": of_passed,
            "log_sum_gradients": of_log_sums,
            "raw_gradients": torch.empty_like(tensors["raws"]),
            "factor_gradients": torch.empty(count, device=device),
            "density_gradients": _gradient(field.density_grid),
            "feature_gradients": _gradient(field.feature_grid).movedim(0, -1),
        }
        march.weight_gradients = 0  # and not what an earlier call left
        if of_weights is not None:
            gradients["weight_gradients"] = of_weights.contiguous()
        _point(march, gradients)
        launch(context.kernels.backward, [march], count, RAYS_A_PIECE, device)
        _scatter(context.kernels.scatter, march, count, gradients)
        of_factor = gradients["factor_gradients"].sum()
        return None, None, of_factor, None, None, None, None, None


def _gradient(grid: Tensor) -> Tensor:
    """The gradient of a parameter so far, which starts at 0."""
    if grid.grad is None:
        grid.grad = torch.zeros_like(grid)
    return grid.grad


def _samples(field: VoxelField, lengths: Tensor, step: float) -> int:
    """Samples of the longest ray; on CUDA, where to ask is to wait, of the longest that there can be."""
    longest = 2 * math.hypot(*field.half_size) if lengths.is_cuda else float(lengths.max())
    return max(1, math.ceil(longest / step))


def _voxel_major(feature_grid: Tensor) -> Tensor:
    """The features [nx, ny, nz, C] of a grid [C, nx, ny, nz]; those of `VoxelField` lie in memory like this."""
    return feature_grid.detach().movedim(0, -1).contiguous()


def _arguments(field: VoxelField, tensors: dict[str, Tensor], samples: int, step: float) -> Any:
    march = March()
    _point(march, tensors)
    march.nx, march.ny, march.nz = field.shape
    march.hx, march.hy, march.hz = field.half_size
    march.samples, march.step, march.voxel_size = samples, step, field.voxel_size
    march.shift = DENSITY_SHIFT
    return march


def _point(march: Any, tensors: dict[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        # Dense is not enough here: the kernels count on the order of the dimensions, the voxels' features together.
        if not tensor.is_contiguous():
            raise TypeError(f"{name} is not contiguous")
        setattr(march, name, address(name, tensor))


def _scatter(kernel: Any, march: Any, count: int, gradients: dict[str, Tensor]) -> None:
    """Add the samples' gradients up on the voxels; see ``kernels/scatter.h``."""
    density, features = gradients["density_gradients"][0], gradients["feature_gradients"]
    cells = march.nx
    slab = cells if density.is_cuda else max(MIN_CELLS_A_SLAB, -(-cells // MAX_SLABS))
    slabs = -(-cells // slab)
    of_density, of_features = (torch.zeros_like(grid[: slabs - 1]) for grid in (density, features))
    # One thread takes all slabs of a ray at once; of more each has two runs of slabs, for some have far more matter.
    threads = torch.get_num_threads()
    runs = 1 if threads == 1 else min(RUNS_A_THREAD * threads, slabs)
    arguments = [march, count, runs, slab, slabs, of_density.data_ptr(), of_features.data_ptr()]
    launch(kernel, arguments, runs * count, count, density.device)
    cuts = slice(slab, cells, slab)
    density[cuts] += of_density
    features[cuts] += of_features
