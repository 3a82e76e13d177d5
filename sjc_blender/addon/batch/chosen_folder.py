# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the folder that a row of a batch names for its job. Knows no bpy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ...protocol.device_names import is_device
from ...protocol.outside_file import stays_inside

INSIDE = "a name within the batch's folder, such as chairs/red, that every system can write"

_PART = re.compile(r"[^\x00-\x1f<>:\"|?*\\/]{0,99}[^\x00-\x1f<>:\"|?*\\/. ]")


def is_inside(chosen: str, folders: Sequence[Path]) -> bool:
    """Return whether a name leads to a place inside each of the batch's folders, links resolved."""
    parts = chosen.split("/")
    if not all(_PART.fullmatch(part) and not part.startswith("~") and not is_device(part) for part in parts):
        return False
    return all(stays_inside(folder, chosen) for folder in folders)
