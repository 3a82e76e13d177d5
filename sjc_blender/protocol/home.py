# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's home folder; a service account or a container's user may have none."""

from __future__ import annotations

import os
from pathlib import Path


def home_folder() -> Path | None:
    """Return the user's home folder; None where neither the environment nor the system names one."""
    home = os.path.expanduser("~")  # noqa: PTH111  # Path.home() raises RuntimeError where there is none
    return Path(home) if Path(home).is_absolute() else None


def expanded(path: str | Path) -> Path:
    """Return the path with a leading ``~`` expanded; unchanged where there is no home folder."""
    return Path(os.path.expanduser(path))  # noqa: PTH111  # Path.expanduser() raises RuntimeError there
