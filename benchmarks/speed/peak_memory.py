"""Memory of this process."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def resident_bytes() -> int:
    """What it holds now (Linux), or the most it ever held."""
    return _told_by_linux("VmRSS") or _most_ever()


def peak_bytes() -> int:
    """The most it ever held."""
    # Not ru_maxrss, where Linux knows better: a program inherits that of the process that started it.
    return _told_by_linux("VmHWM") or _most_ever()


def _told_by_linux(name: str) -> int:
    """A line of https://man7.org/linux/man-pages/man5/proc_pid_status.5.html in bytes; 0 elsewhere."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


def _most_ever() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
