"""The ray marcher's kernels, for a number of channels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import warp

from .launch import Work, module_named, source, take


@warp.struct
class March:
    """Arguments of the kernels: addresses of contiguous float32 tensors, and numbers.

    For N rays of up to `samples` S samples, and a grid of nx * ny * nz voxels with C features.
    """

    origins: warp.uint64  # [N, 3]
    directions: warp.uint64  # [N, 3], of length 1
    entries: warp.uint64  # [N], distance at which the ray enters the box
    lengths: warp.uint64  # [N], of the ray in the box
    density_grid: warp.uint64  # [nx, ny, nz], before the activation
    feature_grid: warp.uint64  # [nx, ny, nz, C]
    density_factor: warp.uint64  # scalar
    counts: warp.uint64  # [N] int32, samples up to where the ray is opaque
    raws: warp.uint64  # [N, S]
    weights: warp.uint64  # [N, S]
    images: warp.uint64  # [N, C]
    depths: warp.uint64  # [N]
    passed: warp.uint64  # [N]
    weight_gradients: warp.uint64  # gradients of the loss by these
    image_gradients: warp.uint64
    depth_gradients: warp.uint64
    passed_gradients: warp.uint64
    raw_gradients: warp.uint64
    factor_gradients: warp.uint64  # [N]
    density_gradients: warp.uint64
    feature_gradients: warp.uint64
    nx: int
    ny: int
    nz: int
    samples: int
    hx: float
    hy: float
    hz: float
    voxel_size: float
    step: float
    threshold: float
    shift: float


@dataclass(frozen=True)
class MarchKernels:
    """The kernels; `forward` and `backward` take a march, `scatter` more, see there; an index is a ray.

    Those of `scatter` are the rays once for each run of slabs.
    """

    forward: Any
    backward: Any
    scatter: Any


@cache
def march_kernels(channels: int, pixel_space: bool) -> MarchKernels:
    """The kernels for fields of so many channels; compiled when they first run, and kept for later engines."""
    module = module_named(f"sjc_march_{channels}_{int(pixel_space)}")
    constants = f"enum {{ CHANNELS = {channels}, PIXEL_SPACE = {int(pixel_space)} }};\n"
    common = constants + source("arithmetic.h") + source("rays.h")
    take_piece = take()

    @warp.func_native(common + source("forward.h"))
    def forward(march: March, index: int) -> None: ...

    @warp.func_native(common + source("backward.h"))
    def backward(march: March, index: int) -> None: ...

    @warp.func_native(common + source("scatter.h"))
    def scatter(
        march: March,
        run: int,
        runs: int,
        slab: int,
        slabs: int,
        density_border: warp.uint64,
        feature_border: warp.uint64,
        index: int,
    ) -> None: ...

    @warp.kernel(enable_backward=False, module=module)
    def forward_kernel(march: March, work: Work) -> None:
        thread, taken = warp.tid(), int(0)  # noqa: RUF046, UP018  a variable, to Warp
        first = take_piece(work, thread, taken)
        while first < work.count:
            for index in range(first, warp.min(first + work.piece, work.count)):
                forward(march, index)
            taken += 1
            first = take_piece(work, thread, taken)

    @warp.kernel(enable_backward=False, module=module)
    def backward_kernel(march: March, work: Work) -> None:
        thread, taken = warp.tid(), int(0)  # noqa: RUF046, UP018  a variable, to Warp
        first = take_piece(work, thread, taken)
        while first < work.count:
            for index in range(first, warp.min(first + work.piece, work.count)):
                backward(march, index)
            taken += 1
            first = take_piece(work, thread, taken)

    @warp.kernel(enable_backward=False, module=module)
    def scatter_kernel(
        march: March,
        rays: int,
        runs: int,
        slab: int,
        slabs: int,
        density_border: warp.uint64,
        feature_border: warp.uint64,
        work: Work,
    ) -> None:
        thread, taken = warp.tid(), int(0)  # noqa: RUF046, UP018  a variable, to Warp
        first = take_piece(work, thread, taken)
        while first < work.count:
            for index in range(first, warp.min(first + work.piece, work.count)):
                scatter(march, index // rays, runs, slab, slabs, density_border, feature_border, index % rays)
            taken += 1
            first = take_piece(work, thread, taken)

    return MarchKernels(forward_kernel, backward_kernel, scatter_kernel)
