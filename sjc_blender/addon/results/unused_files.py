# SPDX-License-Identifier: GPL-3.0-or-later
"""The .vdb files beside a .blend that nothing uses any more: listed, and deleted on request.

A file is deleted only if it is certain that it is ours and that nobody known uses it: it lies in the folder ``sjc``,
its name ends in the digest of what is in it, and neither the open file nor any .blend in the folder or below (backups
too), nor one that Blender saved to recover from, mentions that digest. A .blend that cannot be read keeps all of them.
What was written or taken up less than a day ago stays: another Blender may hold it, not saved yet.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy

from ...protocol import plain_files
from ...protocol.errors import SjcError
from ...protocol.home import expanded
from .blend_mentions import digests_in
from .import_volume import SUBFOLDER
from .vdb_file import STORED_NAME, digest_of

YOUNG_SECONDS = 24 * 3600.0
MOST_ENTRIES = 200_000
"""Most files and folders searched; a home folder is not a project."""

_BLEND = re.compile(r".+\.blend[0-9]*@?", re.IGNORECASE)
_RECOVERY = re.compile(r"quit\.blend|.*autosave\.blend")


@dataclass(frozen=True)
class UnusedFiles:
    """The result of a search.

    Attributes
    ----------
    folder : Path
        Where the files lie.
    files : tuple of Path
        That nothing uses, as far as can be known.
    size : int
        Bytes of them.
    read : int
        How many .blend files were looked into.
    """

    folder: Path
    files: tuple[Path, ...]
    size: int
    read: int


def unused_files(look_in: Sequence[str | Path] = ()) -> UnusedFiles:
    """List the .vdb files in the folder ``sjc`` beside the open .blend that nothing uses; nothing is deleted.

    Files outside of the .blend's folder that refer to them are not known: name their folders.

    Parameters
    ----------
    look_in : sequence of str or Path
        More folders whose .blend files, there or below, may use them.

    Raises
    ------
    SjcError
        ``not_saved_yet``; ``use_unknown`` if a .blend cannot be read, or there are too many files to look through;
        ``not_a_plain_file`` if ``sjc`` is a link.
    """
    if not bpy.data.filepath:
        raise SjcError(
            "not_saved_yet", "The open file was never saved, so no files lie beside it.", "Open the .blend first."
        )
    home = Path(bpy.data.filepath).parent
    folder = home / SUBFOLDER
    kind = plain_files.kind_of(folder)
    if kind not in ("", "a folder"):
        raise plain_files.refusal(folder, kind)
    shown = _open_session()
    candidates = {path: digest for path, digest in _candidates(home, folder) if digest not in shown}
    if not candidates:
        return UnusedFiles(folder, (), 0, 0)
    places = [home, *(expanded(bpy.path.abspath(str(place))) for place in look_in)]
    used: set[str] = set()
    read = 0
    for blend in dict.fromkeys([*_blends(places), *_recovery_files()]):
        try:
            used |= digests_in(blend)
            read += 1
        except FileNotFoundError:  # gone since, or a link to nothing
            continue
        except Exception as error:  # whatever unpacking raises: what it uses is not known
            raise SjcError(
                "use_unknown",
                f"{blend} cannot be read ({type(error).__name__}: {error}), so it is not known which files it uses.",
                "Move it out of the folder, or save it again without compression, and then search again.",
            ) from error
    files = tuple(path for path, digest in candidates.items() if digest not in used)
    return UnusedFiles(folder, files, sum(path.stat().st_size for path in files), read)


def delete_unused_files(look_in: Sequence[str | Path] = ()) -> UnusedFiles:
    """Delete what `unused_files` lists now, and return it.

    A job whose folder is still there makes its file again, the same under the same name, when it is imported.

    Raises
    ------
    SjcError
        As `unused_files`.
    """
    found = unused_files(look_in)
    deleted: list[Path] = []
    size = 0
    for path in found.files:
        if not plain_files.is_plain(found.folder.parent, path):
            continue
        with contextlib.suppress(OSError):  # Windows keeps what a Blender has open
            bytes_of = path.stat().st_size
            path.unlink()
            deleted.append(path)
            size += bytes_of
    return UnusedFiles(found.folder, tuple(deleted), size, found.read)


def _candidates(home: Path, folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield files that are ours by name and content, and not recent, with their digests."""
    for name in sorted(plain_files.plain_names(home, folder)):
        named = STORED_NAME.fullmatch(name)
        path = folder / name
        if named is None:
            continue
        with contextlib.suppress(OSError):
            young = time.time() - path.lstat().st_mtime < YOUNG_SECONDS
            if not young and digest_of(path) == named["digest"]:
                yield path, named["digest"]


def _open_session() -> set[str]:
    """Return the digests in the names of all files that local and linked Volumes of the open file refer to."""
    names = (os.path.basename(volume.filepath.replace("\\", "/")) for volume in bpy.data.volumes)  # noqa: PTH119
    return {named["digest"] for name in names if (named := STORED_NAME.fullmatch(name)) is not None}


def _blends(places: Sequence[Path]) -> Iterator[Path]:
    entries = 0

    def failed(error: OSError) -> None:
        raise SjcError(
            "use_unknown",
            f"{error.filename} cannot be read ({error.strerror}), so it is not known which files it uses.",
            "Make it readable, or move it out of the folder, and then search again.",
        ) from error

    for place in places:
        for at, folders, names in os.walk(place, onerror=failed):
            entries += len(folders) + len(names)
            if entries > MOST_ENTRIES:
                raise SjcError(
                    "use_unknown",
                    f"There are more than {MOST_ENTRIES} files below {place}, too many to look through.",
                    "Keep the .blend in a folder of its own project, or name a smaller one.",
                )
            yield from (Path(at) / name for name in names if _BLEND.fullmatch(name))


def _recovery_files() -> Iterator[Path]:
    """Yield the files of Recover Auto Save and Recover Last Session, of this and other Blenders."""
    chosen = bpy.context.preferences.filepaths.temporary_directory
    for place in dict.fromkeys([Path(tempfile.gettempdir()), *([Path(bpy.path.abspath(chosen))] if chosen else [])]):
        with contextlib.suppress(OSError):
            yield from (path for path in place.iterdir() if _RECOVERY.fullmatch(path.name) and _mine(path))


def _mine(path: Path) -> bool:
    """Return whether a file in a shared folder belongs to this user."""
    about = path.lstat()
    return stat.S_ISREG(about.st_mode) and (os.name != "posix" or about.st_uid == os.getuid())
