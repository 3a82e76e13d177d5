# SPDX-License-Identifier: GPL-3.0-or-later
"""Compilation of the kernels before they are needed; damaged ones in the cache are compiled again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import torch
import warp

from ....protocol.atomic_write import require_room
from ....protocol.errors import SjcError, first_line
from ....protocol.file_lock import FileLock
from .adamax_kernel import adamax_kernel
from .kernel_cache import discard, discard_damaged, kernel_folders, seal
from .launch import BLOCKS
from .march_kernels import march_kernels
from .start_warp import start_warp

PATIENCE = 120.0
"""Seconds that another engine may take to compile the same kernels."""

ATTEMPTS = 2
LONGEST_REASON = 200

ROOM_TO_COMPILE = 4_000_000
"""Bytes that must be free before: the compiler ends the whole process where a disk is full."""


@cache
def trouble_with(channels: int, pixel_space: bool, device: torch.device) -> str:
    """Compile and load the kernels for fields of so many channels.

    Returns
    -------
    str
        Why they cannot be had, in one line; empty if they can.
    """
    reason = ""
    try:
        start_warp()
        kernels = (march_kernels(channels, pixel_space).forward, adamax_kernel())
        folder = Path(warp.config.kernel_cache_dir)
        with _alone_in(folder):
            discard_damaged(folder)
            modules = {kernel.module for kernel in kernels}
            wanted = (folder / module.get_module_identifier(block) for module in modules for block in _blocks(device))
            if not all(path.is_dir() for path in wanted):
                require_room(folder, ROOM_TO_COMPILE)
            for _ in range(ATTEMPTS):
                try:
                    _load({kernel.module.name for kernel in kernels}, device)
                except Exception as error:  # whatever a compiler, a linker and a file system raise
                    reason = first_line(error)[:LONGEST_REASON]
                    for kernel in kernels:
                        kernel.module.mark_modified()
                        for made in kernel_folders(folder, kernel.module.name):
                            discard(made)
                else:
                    seal(folder)
                    return ""
    except Exception as error:  # Warp itself does not start, or its folder cannot be had
        reason = first_line(error)[:LONGEST_REASON]
    return reason


def _load(modules: set[str], device: torch.device) -> None:
    for name in modules:
        for block in _blocks(device):
            warp.load_module(name, device=str(device), block_dim=block)


def _blocks(device: torch.device) -> Sequence[int]:
    """Threads of a block in each variant that a device needs; Warp has 1 on a CPU."""
    return BLOCKS if device.type == "cuda" else (1,)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep two engines from compiling, and throwing away, the same kernels."""
    lock = None
    with contextlib.suppress(OSError, SjcError):  # without a lock it may happen that both compile them
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock.acquire(folder / "sjc.lock", PATIENCE)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()
