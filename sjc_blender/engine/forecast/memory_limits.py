# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits that a container, a scheduler or a shell sets on this process's main memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import psutil

CGROUPS = Path("/sys/fs/cgroup")
PROC = Path("/proc/self")
NO_LIMIT = 1 << 60
"""Bytes; what version 1 says where there is none is a little below 2^63."""


@dataclass(frozen=True)
class MainMemory:
    """Bytes of main memory, of the system or below a limit.

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


def memory_limits() -> Iterator[MainMemory]:
    """Yield all limits of this process, including those of parent groups; other systems than Linux set none."""
    if sys.platform != "linux":
        return
    yield from _of_cgroups()
    yield from _of_ulimit()


def _of_cgroups(cgroups: Path = CGROUPS, proc: Path = PROC) -> Iterator[MainMemory]:
    """Of version 2, https://docs.kernel.org/admin-guide/cgroup-v2.html, and of version 1."""
    try:
        lines = (proc / "cgroup").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        _number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            yield from _of_groups(cgroups, path, ("memory.max", "memory.current", "inactive_file"))
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            yield from _of_groups(cgroups / "memory", path, names)


def _of_groups(mount: Path, path: str, names: tuple[str, str, str]) -> Iterator[MainMemory]:
    limit_name, usage_name, reclaimed_name = names
    inner = PurePosixPath(path.lstrip("/"))
    # In a container the path may be that of the host, of which only the mount's top is seen.
    for folder in dict.fromkeys(mount / group for group in (inner, *inner.parents)):
        limit, usage = _number(folder / limit_name), _number(folder / usage_name)
        if limit is None or usage is None or limit >= NO_LIMIT:
            continue
        # What files have in memory is given back when it is needed.
        free = max(0, limit - max(0, usage - _of_statistics(folder / "memory.stat", reclaimed_name)))
        swap_limit = _number(folder / "memory.swap.max") or 0
        swap = max(0, min(swap_limit, NO_LIMIT) - (_number(folder / "memory.swap.current") or 0))
        yield MainMemory(free, free + swap, limit)


def _of_ulimit() -> Iterator[MainMemory]:
    import resource

    used = psutil.Process().memory_info()
    for kind, taken in ((resource.RLIMIT_AS, used.vms), (resource.RLIMIT_DATA, used.data)):
        limit = resource.getrlimit(kind)[0]
        if limit != resource.RLIM_INFINITY:
            free = max(0, limit - taken)
            yield MainMemory(free, free, limit)


def _number(file: Path) -> int | None:
    """Return the number in a file of the kernel; None if it is missing or says ``max``."""
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _of_statistics(file: Path, name: str) -> int:
    try:
        lines = file.read_text(encoding="ascii").splitlines()
        return next((int(line.split()[1]) for line in lines if line.split()[:1] == [name]), 0)
    except (OSError, ValueError, IndexError):
        return 0
