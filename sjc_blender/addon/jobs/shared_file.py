# SPDX-License-Identifier: GPL-3.0-or-later
"""Sharing a file of one job with another. Knows no bpy."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ...protocol import atomic_write


def share(old: Path, new: Path) -> None:
    """Make a hard link to a file, or a copy where the disk has no hard links.

    For files that are only replaced as a whole, never changed, so that neither job sees what becomes of the other's.
    Both are plain files, of which `JobFolder.has` and `JobFolder.to_write` have made sure.
    """
    try:
        os.link(old, new)
    except OSError:
        with atomic_write.atomic_path(new) as temporary:
            shutil.copyfile(old, temporary)
