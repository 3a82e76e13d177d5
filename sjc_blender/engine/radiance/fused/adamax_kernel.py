# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel of Adamax."""

from __future__ import annotations

from functools import cache
from typing import Any

import warp

from .launch import Work, each_index, module_named, source

STRETCH = 16384
"""Parameters that one index is for on a CPU, as in ``kernels/adamax.h``; on CUDA 1."""


@warp.struct
class Adamax:
    """Arguments: addresses of float32 tensors of `count` elements, laid out alike, and numbers."""

    parameters: warp.uint64
    gradients: warp.uint64
    means: warp.uint64
    largest: warp.uint64
    permitted: warp.uint64  # of a boolean; 0: always
    count: warp.int64
    rate: float
    beta1: float
    beta2: float
    epsilon: float


@cache
def adamax_kernel() -> Any:
    """The kernel; takes an adamax. An index is a stretch of parameters."""

    @warp.func_native(each_index(source("adamax.h")))
    def move(adamax: Adamax, work: Work, thread: int) -> None: ...

    @warp.kernel(enable_backward=False, module=module_named("sjc_adamax"))
    def move_kernel(adamax: Adamax, work: Work) -> None:
        move(adamax, work, warp.tid())

    return move_kernel
