# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's home folder, which not every user has: a service account or a container's user may lack one."""

from __future__ import annotations

import os
from pathlib import Path


def home_folder() -> Path | None:
    """Give the user's home folder; None where neither the environment nor the system names one."""
    home = os.path.expanduser("~")  # noqa: PTH111  # Path.home() raises RuntimeError where there is none
    return Path(home) if Path(home).is_absolute() else None


def expanded(path: str | Path) -> Path:
    """Give a path with ``~`` at its start as the home folder; as it is where there is no such folder."""
    return Path(os.path.expanduser(path))  # noqa: PTH111  # Path.expanduser() raises RuntimeError there
