# SPDX-License-Identifier: GPL-3.0-or-later
"""The ray marcher's kernels, for a number of channels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import warp

from ..background import COLUMNS, ROWS
from .launch import Work, each_index, module_named, source


@warp.struct
class March:
    """Arguments of the kernels: addresses of contiguous float32 tensors, and numbers.

    For an image of N = height * width rays of up to `samples` S samples, a grid of nx * ny * nz voxels with C
    features, and a background of T texels.
    """

    origins: warp.uint64  # [N, 3]
    directions: warp.uint64  # [N, 3], of length 1
    density_grid: warp.uint64  # [nx, ny, nz], before the activation
    feature_grid: warp.uint64  # [nx, ny, nz, C]
    texels: warp.uint64  # [T, C], before the activation; 0: there is no background
    density_factor: warp.uint64  # scalar
    entries: warp.uint64  # [N], distance at which the ray enters the box
    lengths: warp.uint64  # [N], of the ray in the box
    counts: warp.uint64  # [N] int32, samples up to where the ray is opaque
    raws: warp.uint64  # [N, S]
    weights: warp.uint64  # [N, S]
    image: warp.uint64  # [C, N]
    depths: warp.uint64  # [N]
    passed: warp.uint64  # [N]
    log_sums: warp.uint64  # [N]
    texel_weights: warp.uint64  # [N, T]
    backgrounds: warp.uint64  # [N, C], before the activation
    weight_gradients: warp.uint64  # gradients of the loss by these; 0: there are none
    image_gradients: warp.uint64
    depth_gradients: warp.uint64
    passed_gradients: warp.uint64
    log_sum_gradients: warp.uint64
    raw_gradients: warp.uint64
    factor_gradients: warp.uint64  # [N]
    background_gradients: warp.uint64  # [N, C]
    density_gradients: warp.uint64
    feature_gradients: warp.uint64
    height: int
    width: int
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
    emptiness_scale: float
    shift: float


@dataclass(frozen=True)
class MarchKernels:
    """The kernels; `forward` and `backward` take a march, `scatter` more, see there; an index is a ray.

    Those of `scatter` are the rays once for each run of slabs.
    """

    forward: Any
    backward: Any
    scatter: Any


RAY_OF_A_RUN = """const int pixels = march.height * march.width, run = index / pixels, ray_of_run = index % pixels;
{
const int index = ray_of_run;
"""


@cache
def march_kernels(channels: int, pixel_space: bool) -> MarchKernels:
    """The kernels for fields of so many channels; compiled when they first run, and kept for later engines."""
    module = module_named(f"sjc_march_{channels}_{int(pixel_space)}")
    numbers = {"CHANNELS": channels, "PIXEL_SPACE": int(pixel_space), "ROWS": ROWS, "COLUMNS": COLUMNS}
    constants = "enum {" + ", ".join(f"{name} = {value}" for name, value in numbers.items()) + "};\n"
    common = constants + source("arithmetic.h") + source("rays.h")
    this_ray = source("this_ray.h")

    @warp.func_native(each_index(common + source("background.h") + source("box.h") + this_ray + source("forward.h")))
    def forward(march: March, work: Work, thread: int) -> None: ...

    @warp.func_native(each_index(common + this_ray + source("backward.h")))
    def backward(march: March, work: Work, thread: int) -> None: ...

    @warp.func_native(each_index(RAY_OF_A_RUN + common + this_ray + source("scatter.h") + "}"))
    def scatter(
        march: March,
        runs: int,
        slab: int,
        slabs: int,
        density_border: warp.uint64,
        feature_border: warp.uint64,
        work: Work,
        thread: int,
    ) -> None: ...

    @warp.kernel(enable_backward=False, module=module)
    def forward_kernel(march: March, work: Work) -> None:
        forward(march, work, warp.tid())

    @warp.kernel(enable_backward=False, module=module)
    def backward_kernel(march: March, work: Work) -> None:
        backward(march, work, warp.tid())

    @warp.kernel(enable_backward=False, module=module)
    def scatter_kernel(
        march: March,
        runs: int,
        slab: int,
        slabs: int,
        density_border: warp.uint64,
        feature_border: warp.uint64,
        work: Work,
    ) -> None:
        scatter(march, runs, slab, slabs, density_border, feature_border, work, warp.tid())

    return MarchKernels(forward_kernel, backward_kernel, scatter_kernel)
