"""Which job folders this user has, in one small file, so that jobs are found again. Knows no bpy."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

from ...protocol import atomic_write
from ...protocol.errors import SjcError
from ...protocol.file_lock import FileLock

VERSION = 1

PATIENCE = 0.05
"""Seconds to wait for another Blender that is writing the same file."""


class JobIndex:
    """A list of job folders, and whether each has come to an end that its user knows of.

    What cannot be read counts as empty, and what cannot be written is left: jobs run without an index.

    Parameters
    ----------
    path : Path
        The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> dict[Path, bool]:
        """Give the folders, oldest first, and whether each is still *open*: begun, and not known to have ended."""
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
            return {Path(entry["folder"]): bool(entry["open"]) for entry in data["jobs"]}
        except (OSError, ValueError, TypeError, KeyError):
            return {}

    def open(self, folder: Path) -> None:
        """A job begins, or goes on, in `folder`."""
        self._change(lambda entries: entries.update({folder: True}))

    def settle(self, *folders: Path) -> None:
        """The jobs in `folders` have ended, and their user has seen how."""
        self._change(lambda entries: entries.update(dict.fromkeys(folders, False)))

    def forget(self, folder: Path) -> None:
        """There is no job in `folder` any more."""
        self._change(lambda entries: entries.pop(folder, None))

    def _change(self, change: Callable[[dict[Path, bool]], object]) -> None:
        with contextlib.suppress(OSError, SjcError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock.acquire(self.path.with_suffix(".lock"), PATIENCE)
            try:
                entries = self.entries()
                change(entries)
                jobs = [{"folder": str(folder), "open": is_open} for folder, is_open in entries.items()]
                text = json.dumps({"version": VERSION, "jobs": jobs}, indent=1, ensure_ascii=False)
                atomic_write.write_text(self.path, text + "\n")
            finally:
                if lock is not None:
                    lock.release()
