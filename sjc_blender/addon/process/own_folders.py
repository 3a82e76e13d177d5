# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of folders that the set-up has made; no other folder is emptied, overwritten or deleted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from ...protocol.atomic_write import write_text
from ...protocol.errors import SjcError
from ...protocol.outside_file import is_file, is_folder, is_there
from .marker import read_marker

ENVIRONMENT, TOOLS, CACHE, PYTHONS, DOOMED = "env", "tools", "cache", "python", "removing"
FOLDERS = (ENVIRONMENT, TOOLS, CACHE, PYTHONS, DOOMED)
"""Names of all folders that a set-up may make in its place."""

LIST, MARKER, LOG = "made_by_sjc.json", "engine.json", "setup.log"
LEASE, LOCK = "setup.lease", "setup.lock"
LONGEST_LIST = 10_000


class OwnFolders:
    """The folders in a place that are the set-up's own, as a list in that place says.

    Parameters
    ----------
    root : Path
        See `sjc_blender.addon.process.environment_place.EnvironmentPlace`; it need not exist.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._list = root / LIST

    @property
    def names(self) -> frozenset[str]:
        """Names of the folders that the set-up has made or was about to make."""
        try:
            if is_file(self._list) and self._list.stat().st_size <= LONGEST_LIST:
                listed = json.loads(self._list.read_text(encoding="utf-8"))["folders"]
                return frozenset(name for name in FOLDERS if name in listed)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return frozenset()
        # Before there was such a list: the marker of a set-up that came to its end.
        return frozenset((ENVIRONMENT, TOOLS)) if read_marker(self._root / MARKER) is not None else frozenset()

    @property
    def present(self) -> tuple[Path, ...]:
        """The folders that exist."""
        return tuple(folder for name in FOLDERS if name in self.names and is_folder(folder := self._root / name))

    def require(self) -> None:
        """Raise SjcError unless the place is the set-up's own, or empty.

        Raises
        ------
        SjcError
            ``folder_not_own``.
        OSError
        """
        if not is_folder(self._root) or is_file(self._list) or self.names:
            return
        strange = next((path.name for path in self._root.iterdir() if path.name not in (LEASE, LOCK, LOG)), None)
        if strange is not None:
            raise _not_own(self._root, f"it holds {strange!r}")

    def claim(self, folder: Path) -> None:
        """Add a folder to the list before it is made.

        Raises
        ------
        SjcError
            ``folder_not_own`` if it is there and was not made by the set-up; as in `atomic_write.write_text`.
        """
        self.require()
        if folder.is_symlink() or (is_there(folder) and folder.name not in self.names):
            raise _not_own(self._root, f"{folder.name!r} is there already")
        self._write(self.names | {folder.name})

    def delete(self, folder: Path) -> None:
        """Delete a folder and remove it from the list; nothing happens if it is not on the list.

        Raises
        ------
        SjcError
            ``folder_not_own`` if a link stands in its place.
        OSError
        """
        if folder.name not in self.names:
            return
        if folder.is_symlink():
            raise _not_own(self._root, f"{folder.name!r} is a link now")
        if is_there(folder):
            shutil.rmtree(folder)
        self._write(self.names - {folder.name})

    def _write(self, names: frozenset[str]) -> None:
        if names != self.names or not is_file(self._list):
            text = {"about": "Folders that Set Up Engine has made here.", "folders": sorted(names)}
            write_text(self._list, json.dumps(text, indent=2) + "\n")


def _not_own(root: Path, why: str) -> SjcError:
    return SjcError(
        "folder_not_own",
        f"{root} is not, or not only, the engine's: {why}, which the set-up has not made. Nothing was changed there.",
        "Choose another Engine Folder in the add-on's preferences, or move what is yours elsewhere.",
    )
