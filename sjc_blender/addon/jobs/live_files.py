# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of live volumes: a folder for each running Blender; those of crashed ones are deleted.

Blender maps the grids that it shows. So a file is never written again, each version has a new name, and an old one goes
only when the version after it has been replaced too.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
from pathlib import Path

from ...protocol import file_lock
from ...protocol.errors import SjcError
from ...protocol.file_lock import FileLock

PREFIX = "sjc-live-"
LOCK = "in_use"
OWN_NAMES = re.compile(rf"{LOCK}|\.?live-[0-9]+(-[0-9a-f]{{12}})?\.vdb")

_folder: Path | None = None
_lock: FileLock | None = None
_number = 0
_old: list[Path] = []


def next_path() -> Path:
    """Return a path that no version had."""
    global _number
    _number += 1
    return folder() / f"live-{_number}.vdb"


def folder() -> Path:
    """Return this Blender's folder, created if necessary."""
    global _folder, _lock
    if _folder is None or not _folder.is_dir():
        _sweep(Path(tempfile.gettempdir()))
        _folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        with contextlib.suppress(OSError, SjcError):  # without locks nobody sweeps it either
            _lock = FileLock.acquire(_folder / LOCK)
    return _folder


def retire(path: str) -> None:
    """Record that a version is not shown any more."""
    if path:
        _old.append(Path(path))
    while len(_old) > 1:
        _delete(_old.pop(0))


def end() -> None:
    """Delete this Blender's folder."""
    global _folder, _lock
    _old.clear()
    if _lock is not None:
        _lock.release()
    if _folder is not None:
        shutil.rmtree(_folder, ignore_errors=True)  # Windows deletes nothing that is open
    _folder = _lock = None


def _sweep(parent: Path) -> None:
    """Delete the folders of Blenders that have ended, and in them only files of live volumes."""
    for left in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, SjcError):
            about = left.lstat()
            mine = os.name != "posix" or about.st_uid == os.getuid()
            lock = left / LOCK
            if not stat.S_ISDIR(about.st_mode) or not mine or not lock.is_file() or file_lock.is_held(lock):
                continue
            for path in left.iterdir():
                if OWN_NAMES.fullmatch(path.name):
                    _delete(path)
            left.rmdir()


def _delete(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
