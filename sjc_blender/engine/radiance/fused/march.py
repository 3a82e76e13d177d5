# SPDX-License-Identifier: GPL-3.0-or-later
"""Ray marching through a voxel field in fused kernels, forward and backward."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..field import DENSITY_SHIFT, VoxelField
from ..marching import STEPS_PER_VOXEL, Marched, RadianceField
from ..rays import Rays
from .launch import launch
from .march_kernels import March, march_kernels

RAYS_A_PIECE = 64
MIN_CELLS_A_SLAB = 4
MAX_SLABS = 8
RUNS_A_THREAD = 2
GRADIENTS_OF_MADE = "weight_gradients", "image_gradients", "depth_gradients", "passed_gradients", "log_sum_gradients"


def march_fused(field: RadianceField, rays: Rays, weight_threshold: float, emptiness_scale: float) -> Marched:
    """March as `marching.march_densely` does, with the same samples and results, on a CPU or CUDA, in float32.

    `backward` adds the gradients of the voxels to the parameters; `torch.autograd.grad` does not see them.

    Parameters
    ----------
    field : RadianceField
        One that has `voxels`; their own background is looked up by the kernels, another one is put behind their image.
    rays, weight_threshold, emptiness_scale
        As in `marching.march_densely`.
    """
    voxels = field.voxels
    assert voxels is not None, "the kernels know voxel fields only"
    grids = voxels.density_grid, voxels.feature_grid, voxels.density_scale
    texels = voxels.background_texture.texels if field is voxels else None
    marched = Marched(*_March.apply(*grids, texels, voxels, rays, weight_threshold, emptiness_scale))
    if texels is not None:
        return marched
    return replace(marched, image=marched.image + marched.passed * field.background(rays.directions).T)


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
        density_scale: Tensor,
        texels: Tensor | None,
        field: VoxelField,
        rays: Rays,
        threshold: float,
        emptiness_scale: float,
    ) -> tuple[Tensor, ...]:
        # What no loss asks for has no gradient: the weights, as a rule, which would be the largest.
        context.set_materialize_grads(False)
        device, count, channels = density_grid.device, len(rays.origins), len(feature_grid)
        step = field.voxel_size / STEPS_PER_VOXEL
        # Of the longest ray that there can be. These ones' would have to be known before the memory is asked for.
        samples = math.ceil(2 * math.hypot(*field.half_size) / step)
        counts = torch.empty(count, dtype=torch.int32, device=device)
        raws, weights = (torch.empty(count, samples, device=device) for _ in range(2))
        image = torch.empty(channels, count, device=device)
        entries, lengths, depths, passed, log_sums = torch.empty(5, count, device=device)
        tensors = {
            "origins": rays.origins,
            "directions": rays.directions,
            "density_grid": density_grid.detach(),
            "feature_grid": _voxel_major(feature_grid),
            "density_factor": density_scale.detach().exp(),
            "entries": entries,
            "lengths": lengths,
            "raws": raws,
        }
        if texels is not None:
            tensors["texels"] = texels.detach()
            tensors["texel_weights"] = torch.empty(count, len(texels), device=device)
            tensors["backgrounds"] = torch.empty(count, channels, device=device)
        made = {"weights": weights, "image": image, "depths": depths, "passed": passed, "log_sums": log_sums}
        march = _arguments(field, tensors | made, samples, step)
        march.threshold, march.emptiness_scale = threshold, emptiness_scale
        march.height, march.width = rays.height, rays.width
        march.counts = counts.data_ptr()
        context.kernels = march_kernels(channels, field.pixel_space)
        launch(context.kernels.forward, [march], count, RAYS_A_PIECE, device)
        # What is returned knows the context: as attributes of it, each step's tensors would keep one another alive.
        context.save_for_backward(*made.values())
        context.march, context.tensors, context.field, context.counts = march, tensors, field, counts
        return tuple(made.values())

    @staticmethod
    def backward(context: Any, *of_made: Tensor | None) -> Any:
        march, tensors, _alive = context.march, context.tensors, context.saved_tensors
        count, device = len(context.counts), context.counts.device
        field: VoxelField = context.field
        gradients = {
            "raw_gradients": torch.empty_like(tensors["raws"]),
            "factor_gradients": torch.empty(count, device=device),
            "density_gradients": _gradient(field.density_grid),
            "feature_gradients": _gradient(field.feature_grid).movedim(0, -1),
        }
        has_background = "texels" in tensors
        if has_background:
            gradients["background_gradients"] = torch.empty_like(tensors["backgrounds"])
        for name, gradient in zip(GRADIENTS_OF_MADE, of_made, strict=True):
            if gradient is None:
                setattr(march, name, 0)  # not those of an earlier call
            else:
                gradients[name] = gradient.contiguous()
        _point(march, gradients)
        launch(context.kernels.backward, [march], count, RAYS_A_PIECE, device)
        _scatter(context.kernels.scatter, march, count, gradients)
        of_scale = gradients["factor_gradients"].sum() * tensors["density_factor"]
        of_texels = (gradients["background_gradients"].T @ tensors["texel_weights"]).T if has_background else None
        return None, None, of_scale, of_texels, None, None, None, None


def _gradient(grid: Tensor) -> Tensor:
    """The gradient of a parameter so far, which starts at 0."""
    if grid.grad is None:
        grid.grad = torch.zeros_like(grid)
    return grid.grad


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
        if tensor.dtype != torch.float32 or not tensor.is_contiguous():
            raise TypeError(f"{name} is not contiguous float32")
        setattr(march, name, tensor.data_ptr())


def _scatter(kernel: Any, march: Any, count: int, gradients: dict[str, Tensor]) -> None:
    """Add the samples' gradients up on the voxels; see ``kernels/scatter.h``."""
    device, cells = gradients["raw_gradients"].device, march.nx
    slab = cells if device.type == "cuda" else max(MIN_CELLS_A_SLAB, -(-cells // MAX_SLABS))
    slabs = -(-cells // slab)
    voxels = (slabs - 1) * march.ny * march.nz
    borders = torch.empty(1 + gradients["feature_gradients"].shape[-1], voxels, device=device)
    # One thread takes all slabs of a ray at once; of more each has two runs of slabs, for some have far more matter.
    threads = torch.get_num_threads()
    runs = 1 if threads == 1 else min(RUNS_A_THREAD * threads, slabs)
    of_density, of_features = borders.data_ptr(), borders[1:].data_ptr()
    launch(kernel, [march, runs, slab, slabs, of_density, of_features], runs * count, count, device)
