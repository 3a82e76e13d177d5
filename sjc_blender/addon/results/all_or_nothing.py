# SPDX-License-Identifier: GPL-3.0-or-later
"""Cleaning up after a failed import, in the file and on the disk."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy

KINDS = ("objects", "meshes", "volumes", "materials", "images")

_written: list[list[Path]] = []
"""The files created by each running import, the innermost last."""


@contextmanager
def all_or_nothing() -> Iterator[None]:
    """On an error, remove the data-blocks that were added inside, and delete the files passed to `note_file`."""
    before = {kind: set(getattr(bpy.data, kind)) for kind in KINDS}
    _written.append([])
    try:
        yield
    except BaseException:
        data: Any = bpy.data
        data.batch_remove([block for kind in KINDS for block in getattr(data, kind) if block not in before[kind]])
        for path in _written[-1]:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
                path.parent.rmdir()  # it goes if nothing else is in it
        raise
    finally:
        files = _written.pop()
        if _written:
            _written[-1].extend(files)


def note_file(path: Path) -> None:
    """Record a newly created file."""
    if _written:
        _written[-1].append(path)
