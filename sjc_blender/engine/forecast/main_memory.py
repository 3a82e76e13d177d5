# SPDX-License-Identifier: GPL-3.0-or-later
"""Free main memory, within all limits."""

from __future__ import annotations

import sys

import psutil

from .memory_limits import MainMemory, memory_limits


def main_memory() -> MainMemory:
    """Return the memory available to this process within all limits; OSError if the system cannot be queried."""
    found = (_of_system(), *memory_limits())
    return MainMemory(min(m.free for m in found), min(m.limit for m in found), min(m.total for m in found))


def _of_system() -> MainMemory:
    memory = psutil.virtual_memory()
    if sys.platform == "darwin":  # it makes room for its swap as it goes, so that all of the memory is the limit
        return MainMemory(memory.available, memory.total, memory.total)
    return MainMemory(memory.available, memory.available + psutil.swap_memory().free, memory.total)
