# SPDX-License-Identifier: GPL-3.0-or-later
"""How this process keeps memory that it will want again."""

from __future__ import annotations

import ctypes
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
LARGEST_MMAP_THRESHOLD = 2**25


def keep_freed_memory() -> None:
    """Make the C library keep what a step frees for the next step, instead of giving it back to the system.

    Each step allocates the same tensors of some megabytes. By default glibc maps them anew each time, and the system
    fills every page with zeros before its first use. Elsewhere than with glibc this does nothing.
    https://www.gnu.org/software/libc/manual/html_node/Malloc-Tunable-Parameters.html
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD)
        mallopt(TRIM_THRESHOLD, 2**31 - 1)
