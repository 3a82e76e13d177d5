# SPDX-License-Identifier: GPL-3.0-or-later
"""Free main memory, within all limits."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import psutil

from .memory_limits import memory_limits


@dataclass(frozen=True)
class MainMemory:
    """Bytes of main memory.

    Attributes
    ----------
    free : int
        What a program can use without swapping out others.
    limit : int
        What it can use at most, with others swapped out.
    total : int
    """

    free: int
    limit: int
    total: int


def main_memory() -> MainMemory:
    """Return the memory available to this process within all limits; OSError if the system cannot be queried."""
    memory = _of_system()
    for limit in memory_limits():
        memory = MainMemory(
            min(memory.free, limit.free), min(memory.limit, limit.with_swap), min(memory.total, limit.total)
        )
    return memory


def _of_system() -> MainMemory:
    memory = psutil.virtual_memory()
    if sys.platform == "darwin":  # it makes room for its swap as it goes, so that all of the memory is the limit
        return MainMemory(memory.available, memory.total, memory.total)
    return MainMemory(memory.available, memory.available + psutil.swap_memory().free, memory.total)
