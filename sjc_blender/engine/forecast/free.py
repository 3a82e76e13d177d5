# SPDX-License-Identifier: GPL-3.0-or-later
"""Free main memory, graphics memory and disk space."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from .main_memory import MainMemory, main_memory


@dataclass(frozen=True)
class Free:
    """Resources that a job can use.

    Attributes
    ----------
    memory : MainMemory or None
        None where the system does not tell.
    graphics : int or None
        Bytes free on the graphics card; None on a device without a memory of its own.
    graphics_total : int
        Bytes it has.
    disk : int
        Bytes free where the job's folder is.
    """

    memory: MainMemory | None
    graphics: int | None
    graphics_total: int
    disk: int


def what_is_free(device: torch.device, folder: Path) -> Free:
    """Ask the system, the device and the disk; `folder` need not exist."""
    try:
        memory = main_memory()
    except OSError:
        memory = None
    graphics, total = torch.cuda.mem_get_info(device) if device.type == "cuda" else (None, 0)
    here = folder.absolute()
    existing = next(path for path in (here, *here.parents) if path.is_dir())
    return Free(memory, graphics, total, shutil.disk_usage(existing).free)
