# SPDX-License-Identifier: GPL-3.0-or-later
"""Disk space of the engine's environment."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...protocol.amounts import gigabytes
from ...protocol.errors import SjcError
from .local_wheels import TorchWheel

GIGABYTE = 10**9
CPU_BYTES = 2 * GIGABYTE
"""Measured on Linux: 1.6 GB when it is done, 1.7 GB on the way."""

GPU_BYTES = 8 * GIGABYTE
"""With the libraries of CUDA or ROCm, which are most of it."""

GPU_PROGRAMS = ("nvidia-smi", "rocm_agent_enumerator")
"""Programs that come with the drivers that uv looks for."""


def needed_bytes(
    wheels: Sequence[TorchWheel], backend: str, environ: Mapping[str, str], platform: str = sys.platform
) -> int:
    """Estimate the size of the finished environment, by the build of torch that will be installed."""
    if wheels:
        return CPU_BYTES if all(wheel.small for wheel in wheels) else GPU_BYTES
    if platform == "darwin" or backend == "cpu":
        return CPU_BYTES
    has_gpu = any(shutil.which(program, path=environ.get("PATH")) for program in GPU_PROGRAMS)
    return GPU_BYTES if has_gpu or backend != "auto" else CPU_BYTES


def require_space(root: Path, needed: int) -> None:
    """Raise SjcError if the disk of `root`, which need not exist, has less than `needed` bytes.

    Raises
    ------
    SjcError
        ``disk_full``.
    """
    existing = next(folder for folder in (root, *root.parents) if folder.is_dir())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise SjcError(
            "disk_full",
            f"The engine needs {gigabytes(needed)} more in {root}, and {gigabytes(free)} are free there.",
            "Free some space, or choose another folder for the engine in the add-on's preferences.",
        )


def size_of(folder: Path) -> int:
    """Return the total size of the files below `folder`, which may be changing; 0 if it does not exist."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    if entry.is_dir(follow_symlinks=False):
                        total += size_of(Path(entry.path))
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
                except OSError:  # deleted in the meantime
                    continue
    except OSError:
        return total
    return total
