# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels compiled and run by NVIDIA Warp, on CUDA or on the cores of a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import torch
import warp
from torch import Tensor

from .start_warp import start_warp

BLOCKS = (256, 32)
"""Threads of a block on CUDA."""

SOURCES = Path(__file__).parent / "kernels"
# The sources have loops that are meant to become vectors; Warp's own flags are for code that it writes itself.
OPTIONS = {
    "cpu_compiler_flags": "-march=native -ffp-contract=fast -mllvm=-inline-threshold=9000",
    "optimization_level": 3,
}


def source(name: str) -> str:
    """The C++ of a file in ``kernels/``."""
    return (SOURCES / name).read_text(encoding="utf-8")


def module_named(name: str) -> str:
    """Prepare a Warp module, to which kernels can then be added by its name."""
    start_warp()
    warp.set_module_options(OPTIONS, warp.get_module(name))
    return name


def address(name: str, tensor: Tensor) -> int:
    """Return the address of a contiguous float32 tensor.

    Raises
    ------
    TypeError
        If it is no such tensor.
    """
    dense = tensor.is_contiguous()
    if not dense:
        strides, sizes = tensor.stride(), tensor.shape
        dimensions = sorted(range(tensor.ndim), key=lambda d: (strides[d], sizes[d]), reverse=True)
        dense = tensor.permute(dimensions).is_contiguous()
    if tensor.dtype != torch.float32 or not dense:
        raise TypeError(f"{name} is not dense float32")
    return tensor.data_ptr()


@warp.struct
class Work:
    """What a kernel does: its indices from 0 on, and on a CPU how threads share them; see ``kernels/each_index.h``."""

    count: int
    piece: int
    queue: warp.uint64  # of two int32: the first index that no thread has taken, and one for the kernel, 0 at first


def each_index(body: str) -> str:
    """C++ for a kernel: runs the `body` for every ``index`` that ``thread`` takes of ``work``."""
    return source("each_index.h").replace("BODY", body)


def launch(kernel: Any, arguments: Sequence[Any], count: int, piece: int, device: torch.device) -> None:
    """Run a kernel for `count` indices.

    On a CPU a kernel runs on the thread that calls it, without Python's lock. As many threads as PyTorch may use take
    pieces of the indices, each the next one when it is through; what different pieces write must not overlap.

    Parameters
    ----------
    kernel : warp kernel
        Its last argument is the `Work`.
    arguments : sequence
        The others.
    piece : int
        Indices that a thread takes at a time; no matter on CUDA.
    """
    work = Work()
    work.count, work.piece = count, piece
    if device.type == "cuda":
        stream = warp.stream_from_torch(torch.cuda.current_stream(device))
        # A few thousand rays in blocks of the usual 256 would leave most of a GPU's processors without work.
        block = max(BLOCKS) if count > 2**16 else min(BLOCKS)
        warp.launch(kernel, count, [*arguments, work], device=stream.device, stream=stream, block_dim=block)
        return
    queue = torch.zeros(2, dtype=torch.int32)
    work.queue = queue.data_ptr()
    # Prepared once, for what Python does for a launch it does for one thread at a time.
    command = warp.launch(kernel, 1, [*arguments, work], device="cpu", record_cmd=True).launch
    others = min(torch.get_num_threads(), -(-count // piece)) - 1
    running = [_pool(others).submit(command) for _ in range(others)]
    command()
    for thread in running:
        thread.result()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="sjc-kernel")
