# SPDX-License-Identifier: GPL-3.0-or-later
"""Data-parallel training on the cores of one machine.

One-thread processes with averaged gradients are about twice as fast as one
process with as many threads, for networks as small as these.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn


class Averager:
    """Gradients of all parameters in one buffer, averaged over the processes.

    Parameters
    ----------
    parameters
        Parameters whose ``grad`` becomes a view into the buffer.
    extras
        Number of scalars averaged with the gradients.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], extras: int = 2) -> None:
        self._parameters = list(parameters)
        count = sum(p.numel() for p in self._parameters)
        self._flat = torch.zeros(count + extras)
        self.gradients = self._flat[:count]
        self.extras = self._flat[count:]
        start = 0
        for parameter in self._parameters:
            parameter.grad = self._flat[start : start + parameter.numel()].view_as(parameter)
            start += parameter.numel()

    def clear(self) -> None:
        """Set all gradients and extras to zero."""
        self._flat.zero_()

    def average(self) -> None:
        """Replace the gradients and extras by their means over the processes."""
        if dist.is_initialized() and dist.get_world_size() > 1:
            dist.all_reduce(self._flat)
            self._flat /= dist.get_world_size()

    def clip(self, limit: float) -> float:
        """Scale the gradient down to the norm `limit` and return the norm it had."""
        norm = float(self.gradients.norm())
        if norm > limit:
            self.gradients *= limit / norm
        return norm


def share(tensors: Iterable[Tensor]) -> None:
    """Give every process the first one's values."""
    if dist.is_initialized():
        for tensor in tensors:
            dist.broadcast(tensor, 0)


def _enter(rank: int, world: int, store: str, work: Callable[..., None], arguments: tuple[object, ...]) -> None:
    os.setsid()  # a session of its own, so that the scheduler gives every process its share
    torch.set_num_threads(1)
    torch.manual_seed(1234 + rank)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=world)
    try:
        work(rank, world, *arguments)
    finally:
        dist.destroy_process_group()


def launch(work: Callable[..., None], world: int, *arguments: object) -> None:
    """Run ``work(rank, world, *arguments)`` in `world` one-thread processes."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder) / "store")
        torch.multiprocessing.spawn(_enter, args=(world, store, work, arguments), nprocs=world, join=True)
