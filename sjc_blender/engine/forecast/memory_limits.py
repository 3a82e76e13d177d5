# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits that a container, a scheduler or a shell sets on this process's main memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

CGROUPS = Path("/sys/fs/cgroup")
PROC = Path("/proc/self")
NO_LIMIT = 1 << 60
"""Bytes; what version 1 says where there is none is a little below 2^63."""


@dataclass(frozen=True)
class MemoryLimit:
    """One limit.

    Attributes
    ----------
    free : int
        Bytes that are left below it.
    with_swap : int
        The same with what may be moved to the disk.
    total : int
        The limit itself.
    """

    free: int
    with_swap: int
    total: int


def memory_limits() -> Iterator[MemoryLimit]:
    """Yield all limits of this process, including those of parent groups."""
    if sys.platform == "win32":
        return
    yield from _of_cgroups()
    yield from _of_ulimit()


def _of_cgroups(cgroups: Path = CGROUPS, proc: Path = PROC) -> Iterator[MemoryLimit]:
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


def _of_groups(mount: Path, path: str, names: tuple[str, str, str]) -> Iterator[MemoryLimit]:
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
        yield MemoryLimit(free, free + swap, limit)


def _of_ulimit(proc: Path = PROC) -> Iterator[MemoryLimit]:
    import resource

    pages = _fields(proc / "statm")
    for kind, used in ((resource.RLIMIT_AS, 0), (resource.RLIMIT_DATA, 5)):
        limit = resource.getrlimit(kind)[0]
        if limit == resource.RLIM_INFINITY or len(pages) <= used:
            continue
        free = max(0, limit - pages[used] * resource.getpagesize())
        yield MemoryLimit(free, free, limit)


def _number(file: Path) -> int | None:
    fields = _fields(file)
    return fields[0] if fields else None


def _fields(file: Path) -> list[int]:
    """Return the numbers in a file of the kernel; empty if it is missing or says ``max``."""
    try:
        return [int(word) for word in file.read_text(encoding="ascii").split()]
    except (OSError, ValueError):
        return []


def _of_statistics(file: Path, name: str) -> int:
    try:
        lines = file.read_text(encoding="ascii").splitlines()
        return next((int(line.split()[1]) for line in lines if line.split()[:1] == [name]), 0)
    except (OSError, ValueError, IndexError):
        return 0
