# SPDX-License-Identifier: GPL-3.0-or-later
"""The index of this user's job folders, a small file. Knows no bpy."""

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
"""Seconds to wait for another Blender to finish writing the file."""


READ_TRIES = 4
LARGEST = 8_000_000
"""Bytes; a job takes about a hundred."""


class _Entry(NamedTuple):
    """A started job: whether its end was not seen yet, and the digest of its settings."""

    open: bool
    settings: str


class JobIndex:
    """A list of job folders, and for each whether the user has seen its end.

    A damaged file counts as empty, and what cannot be read or written now is left: jobs run without an index.

    Parameters
    ----------
    path : Path
        The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> dict[Path, bool]:
        """Return the folders, oldest first, and whether each is still *open*: started, and its end not seen."""
        return {folder: entry.open for folder, entry in self._entries().items()}

    def has_settings_of(self, folder: Path) -> bool:
        """Return whether a job with the same settings was started in any folder: it may have been moved here."""
        digest = _settings_digest(folder)
        return bool(digest) and any(entry.settings == digest for entry in self._entries().values())

    def _entries(self) -> dict[Path, _Entry]:
        try:
            return self._read()
        except UnusableFile:
            return {}

    def open(self, folder: Path) -> None:
        """Record that a job starts or resumes in `folder`."""
        self._change(lambda entries: entries.update({folder: _Entry(True, _settings_digest(folder))}))

    def settle(self, *folders: Path) -> None:
        """Record that the user has seen the end of the jobs in `folders`."""
        changed = {folder: _Entry(False, _settings_digest(folder)) for folder in folders}
        self._change(lambda entries: entries.update(changed))

    def forget(self, folder: Path) -> None:
        """Record that there is no job in `folder` any more."""
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
    """Return the digest of all settings of the job in a folder; empty if it cannot be read."""
    try:
        settings = codec.encode(JobFolder(folder).read_spec())
    except (SjcError, OSError):
        return ""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
