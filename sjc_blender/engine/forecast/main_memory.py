# SPDX-License-Identifier: GPL-3.0-or-later
"""Free main memory, queried from the operating system."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from pathlib import Path

from .memory_limits import memory_limits

MEMINFO = Path("/proc/meminfo")


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
    if sys.platform == "win32":
        return _of_windows()
    if sys.platform == "darwin":
        return _of_macos()
    return _of_linux(MEMINFO.read_text(encoding="ascii"))


def _of_linux(meminfo: str) -> MainMemory:
    """From ``/proc/meminfo``: https://docs.kernel.org/filesystems/proc.html#meminfo."""
    values = {}
    for line in meminfo.splitlines():
        name, _, value = line.partition(":")
        values[name] = int(value.split()[0]) * 1024
    return MainMemory(values["MemAvailable"], values["MemAvailable"] + values["SwapFree"], values["MemTotal"])


def _of_macos() -> MainMemory:
    """From sysctl. macOS makes room for its swap as it goes, so that all of the memory is the limit."""
    total = _sysctl("hw.memsize", ctypes.c_uint64())
    free_percent = _sysctl("kern.memorystatus_level", ctypes.c_uint32())
    return MainMemory(total * free_percent // 100, total, total)


def _sysctl(name: str, value: ctypes.c_uint64 | ctypes.c_uint32) -> int:
    size = ctypes.c_size_t(ctypes.sizeof(value))
    library = ctypes.CDLL(None, use_errno=True)
    if library.sysctlbyname(name.encode(), ctypes.byref(value), ctypes.byref(size), None, ctypes.c_size_t(0)):
        raise OSError(ctypes.get_errno(), f"sysctl {name}")
    return int(value.value)


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX: https://learn.microsoft.com/windows/win32/api/sysinfoapi/ns-sysinfoapi-memorystatusex."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total", ctypes.c_uint64),
        ("free", ctypes.c_uint64),
        ("total_commit", ctypes.c_uint64),
        ("free_commit", ctypes.c_uint64),
        ("total_virtual", ctypes.c_uint64),
        ("free_virtual", ctypes.c_uint64),
        ("free_extended_virtual", ctypes.c_uint64),
    )


def _of_windows() -> MainMemory:
    status = _MemoryStatus()
    status.length = ctypes.sizeof(status)
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):  # type: ignore[attr-defined]
        raise OSError("GlobalMemoryStatusEx failed")
    return MainMemory(status.free, max(status.free, status.free_commit), status.total)
