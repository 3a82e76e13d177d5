# SPDX-License-Identifier: GPL-3.0-or-later
"""Preview pictures of jobs as icons."""

from __future__ import annotations

from pathlib import Path

import bpy.utils.previews

from ....protocol.errors import SjcError
from ....protocol.plain_files import open_plain
from ...results.picture_size import picture_size

LARGEST_SIDE = 2048
"""Pixels; a job's previews have at most half of it."""

KEPT = 3
"""Pictures of a folder: the history may draw one beside another in the box of a job that goes on."""

_collection: bpy.utils.previews.ImagePreviewCollection | None = None
_used: dict[Path, list[str]] = {}
"""The loaded pictures of each folder, the one that was asked for last at the end."""


def icon(path: Path) -> int:
    """Return the icon of a picture, loaded at first use; 0 if there is none.

    The pictures of a folder replace each other, the one first that was not asked for the longest.
    """
    if _collection is None:
        return 0
    key = str(path)
    used = _used.setdefault(path.parent, [])
    if key in _collection:
        used.remove(key)
        used.append(key)
    else:
        if not _is_small(path):
            return 0
        used.append(key)
        for other in used[:-KEPT]:
            used.remove(other)
            del _collection[other]
        # Asking for its size loads it now, in a millisecond or two; else a spinner would show between any two pictures.
        tuple(_collection.load(key, key, "IMAGE").image_size)
    return _collection[key].icon_id


def _is_small(path: Path) -> bool:
    """Whether there is a picture that is loaded in a moment; anyone may have put it there."""
    try:
        with open_plain(path.parent, path) as file:
            return 0 < max(picture_size(file)) <= LARGEST_SIDE
    except (OSError, SjcError):
        return False


def register() -> None:
    """Create the collection of previews."""
    global _collection
    _collection = bpy.utils.previews.new()


def unregister() -> None:
    """Free the pictures."""
    global _collection
    if _collection is not None:
        bpy.utils.previews.remove(_collection)
    _collection = None
    _used.clear()
