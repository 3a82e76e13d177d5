# SPDX-License-Identifier: GPL-3.0-or-later
"""Which job folders this user has, in one small file, so that jobs are found again. Knows no bpy."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ...protocol import atomic_write, codec
from ...protocol.errors import SjcError
from ...protocol.file_lock import FileLock, NoLocks
from ...protocol.job_folder import JobFolder
from ...protocol.json_text import BadJson, read_json
from ...protocol.outside_file import UnusableFile

VERSION = 1

PATIENCE = 0.05
"""Seconds to wait for another Blender that is writing the same file."""


READ_TRIES = 4
LARGEST = 8_000_000
"""Bytes; a job takes about a hundred."""


class _Entry(NamedTuple):
    """A job that was begun: whether its end is not known yet, and the digest of its settings."""

    open: bool
    settings: str


class JobIndex:
    """A list of job folders, and whether each has come to an end that its user knows of.

    A damaged file counts as empty, and what cannot be read or written now is left: jobs run without an index.

    Parameters
    ----------
    path : Path
        The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> dict[Path, bool]:
        """Give the folders, oldest first, and whether each is still *open*: begun, and not known to have ended."""
        return {folder: entry.open for folder, entry in self._entries().items()}

    def has_settings_of(self, folder: Path) -> bool:
        """Whether a job with the very settings of the one in `folder` was begun, wherever that lay: it was moved."""
        digest = _settings_digest(folder)
        return bool(digest) and any(entry.settings == digest for entry in self._entries().values())

    def _entries(self) -> dict[Path, _Entry]:
        try:
            return self._read()
        except UnusableFile:
            return {}

    def open(self, folder: Path) -> None:
        """A job begins, or goes on, in `folder`."""
        self._change(lambda entries: entries.update({folder: _Entry(True, _settings_digest(folder))}))

    def settle(self, *folders: Path) -> None:
        """The jobs in `folders` have ended, and their user has seen how."""
        changed = {folder: _Entry(False, _settings_digest(folder)) for folder in folders}
        self._change(lambda entries: entries.update(changed))

    def forget(self, folder: Path) -> None:
        """There is no job in `folder` any more."""
        self._change(lambda entries: entries.pop(folder, None))

    def _read(self) -> dict[Path, _Entry]:
        """Read the entries; UnusableFile if there is a file that cannot be read now."""
        try:
            data = read_json(self.path, LARGEST)
        except BadJson:
            return {}
        except UnusableFile:
            if self.path.exists():
                raise
            return {}
        jobs = data.get("jobs") if isinstance(data, dict) else None
        found = {}
        for entry in jobs if isinstance(jobs, list) else ():
            folder = entry.get("folder") if isinstance(entry, dict) else None
            if isinstance(folder, str) and "\0" not in folder and Path(folder).is_absolute():
                settings = entry.get("settings")
                known = settings if isinstance(settings, str) else ""
                found[Path(folder)] = _Entry(entry.get("open") is True, known)
        return found

    def _change(self, change: Callable[[dict[Path, _Entry]], object]) -> None:
        with contextlib.suppress(OSError, SjcError, UnusableFile):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = None
            with contextlib.suppress(NoLocks):
                lock = FileLock.acquire(self.path.with_suffix(".lock"), PATIENCE)
            try:
                entries = self._read_patiently()
                change(entries)
                jobs = [{"folder": str(folder), **entry._asdict()} for folder, entry in entries.items()]
                atomic_write.write_text(self.path, json.dumps({"version": VERSION, "jobs": jobs}, indent=1) + "\n")
            finally:
                if lock is not None:
                    lock.release()

    def _read_patiently(self) -> dict[Path, _Entry]:
        """Read what is to be changed: a file that cannot be read for a moment must not be written over."""
        for _ in range(READ_TRIES - 1):
            with contextlib.suppress(UnusableFile):
                return self._read()
            time.sleep(PATIENCE)
        return self._read()


def _settings_digest(folder: Path) -> str:
    """Digest of all settings of the job in a folder, its model among them; empty if there is none that can be read."""
    try:
        settings = codec.encode(JobFolder(folder).read_spec())
    except (SjcError, OSError):
        return ""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
