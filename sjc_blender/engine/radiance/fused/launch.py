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
    """Where a kernel finds a float32 tensor whose elements lie in memory without gaps.

    Raises
    ------
    TypeError
        If it is no such tensor.
    """
    strides, sizes = tensor.stride(), tensor.shape
    dimensions = sorted(range(tensor.ndim), key=lambda d: (strides[d], sizes[d]), reverse=True)
    if tensor.dtype != torch.float32 or not tensor.permute(dimensions).is_contiguous():
        raise TypeError(f"{name} is not dense float32")
    return tensor.data_ptr()


def launch(kernel: Any, pieces: Sequence[tuple[int, Sequence[Any]]], device: torch.device) -> None:
    """Run a kernel for some pieces of work, each a number of indices and the arguments.

    On a CPU a kernel runs on the thread that calls it, without Python's lock: the pieces are shared among as many
    threads as PyTorch may use, each taking the next one when it is through. They must not write to the same memory.
    """
    if device.type == "cuda":
        stream = warp.stream_from_torch(torch.cuda.current_stream(device))
        for count, arguments in pieces:
            # A few thousand rays in blocks of the usual 256 would leave most of a GPU's processors without work.
            block = 256 if count > 2**16 else 32
            warp.launch(kernel, count, arguments, device=stream.device, stream=stream, block_dim=block)
        return
    # Not in the threads, which would all find it missing.
    warp.load_module(kernel.module, device="cpu")
    threads = min(torch.get_num_threads(), len(pieces))
    if threads <= 1:
        for count, arguments in pieces:
            warp.launch(kernel, count, arguments, device="cpu")
        return
    running = [
        _pool(threads).submit(warp.launch, kernel, count, arguments, device="cpu") for count, arguments in pieces
    ]
    for piece in running:
        piece.result()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="sjc-kernel")
