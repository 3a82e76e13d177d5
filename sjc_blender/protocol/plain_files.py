# SPDX-License-Identifier: GPL-3.0-or-later
"""Files below a folder that may come from anyone: opened only if they are plain files, and never through a link.

Archives and shared disks keep links, and an opened .blend brings folders beside it. So every file of a job is
opened here, whatever for: a link, a pipe, a device or a folder in its place is refused by name, and so is a link in
place of a folder on the way. The folder itself may be reached by any path.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from .errors import SjcError

NAME_SURROGATE = 0x20000000
"""Bit of the tags of Windows's reparse points that stand for another file; those of OneDrive's files lack it."""

_BY_DESCRIPTOR = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")

# Neither waits for the other end of a pipe, nor hands the file to a child process.
_ALWAYS = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOINHERIT", 0)
)


def kind_of(path: Path) -> str:
    """Describe what is at `path`: ``"a file"``, ``"a folder"``, ``"a link"`` ...; empty if nothing is."""
    try:
        status = path.lstat()
    except (OSError, ValueError):  # also a name that no file can have, or an unreadable folder
        return ""
    if stat.S_ISLNK(status.st_mode) or getattr(status, "st_reparse_tag", 0) & NAME_SURROGATE:
        return "a link"
    names = (
        (stat.S_ISREG, "a file"),
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
    )
    return next((name for test, name in names if test(status.st_mode)), "a device")


def require_plain(root: Path, path: Path) -> bool:
    """Check a file and the folders between it and `root`.

    Parameters
    ----------
    root : Path
        The folder that the file must lie in.
    path : Path
        `root` and what follows it.

    Returns
    -------
    bool
        Whether the file is there.

    Raises
    ------
    SjcError
        ``not_a_plain_file`` if it is anything else, lies behind a link, or outside `root`.
    """
    *folders, _name = _parts(root, path)
    if not _require_folders(root, folders):
        return False
    kind = kind_of(path)
    if kind not in ("", "a file"):
        raise refusal(path, kind)
    return bool(kind)


def is_plain(root: Path, path: Path) -> bool:
    """Whether `path` is a plain file below `root`; False for what `require_plain` refuses."""
    try:
        return require_plain(root, path)
    except SjcError:
        return False


def open_plain(root: Path, path: Path) -> BinaryIO:
    """Open a file below `root` for reading.

    Raises
    ------
    SjcError
        As `require_plain`.
    OSError
        If it is not there, or may not be read.
    """
    require_plain(root, path)
    return os.fdopen(_open(root, path, os.O_RDONLY), "rb")


def append_plain(root: Path, path: Path) -> BinaryIO:
    """Open a file below `root` for adding to its end, unbuffered; it is made where it is missing.

    Raises
    ------
    SjcError
        As `require_plain`; also for a file that has a second name elsewhere, which would be added to as well.
    OSError
        If it cannot be written.
    """
    require_plain(root, path)
    return os.fdopen(_open_alone(root, path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab", buffering=0)


def open_lock_file(path: Path, flags: int = os.O_RDWR | os.O_CREAT) -> int:
    """Open a file for reading and writing in place, for locks and leases; by default it is made where it is missing.

    Returns
    -------
    int
        A descriptor, which the caller closes. Errors as of `append_plain`.
    """
    require_plain(path.parent, path)
    return _open_alone(path.parent, path, flags)


def read_plain(root: Path, path: Path, limit: int) -> bytes:
    """Read a file below `root`, of at most `limit` bytes.

    Raises
    ------
    SjcError
        As `require_plain`; ``file_too_large``, before anything is read.
    OSError
        If it is not there, or may not be read.
    """
    with open_plain(root, path) as file:
        content = file.read(limit + 1) if os.fstat(file.fileno()).st_size <= limit else None
    if content is None or len(content) > limit:
        raise SjcError(
            "file_too_large",
            f"{path} has more than {limit / 1e6:g} million bytes, and such a file has fewer.",
            "It is damaged or was not written by this program: do not use it.",
        )
    return content


def read_tail(root: Path, path: Path, most: int, *, since: int = 0) -> bytes:
    """Read the end of a file below `root` that may be of any length and may grow: at most `most` bytes.

    Parameters
    ----------
    root, path : Path
    most : int
    since : int
        Byte before which nothing is read.

    Raises
    ------
    SjcError
        As `require_plain`.
    OSError
        If it is not there, or may not be read.
    """
    with open_plain(root, path) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(since, size - most))
        return file.read(most)


def path_to_write(root: Path, path: Path) -> Path:
    """Return `path` once a file may be put there: its folders below `root` are made where they are missing.

    For writers that take a path; `atomic_write.atomic_path` gives them a new file beside it, and then replaces
    whatever has the name.

    Raises
    ------
    SjcError
        As `require_plain`.
    OSError
        If a folder cannot be made.
    """
    require_plain(root, path)
    at = root
    for folder in _parts(root, path)[:-1]:
        at /= folder
        at.mkdir(exist_ok=True)
    return path


def plain_names(root: Path, folder: Path) -> list[str]:
    """Return the names of the plain files in `folder`, which is `root` or below it; none if it cannot be listed."""
    try:
        if not _require_folders(root, folder.relative_to(root).parts):
            return []
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
    except (OSError, SjcError):
        return []


def refusal(path: Path, kind: str) -> SjcError:
    """Return the error for a path at which `kind` is."""
    return SjcError(
        "not_a_plain_file",
        f"{path} is {kind}, and a job's folder holds only files and folders of its own: nothing of it is used.",
        "Do not use a job of someone you do not know. If it is yours, put the file itself into the folder.",
    )


def _require_folders(root: Path, names: Iterable[str]) -> bool:
    """Refuse anything but real folders below `root` on the way; False if one is missing."""
    at = root
    for name in names:
        at /= name
        kind = kind_of(at)
        if not kind:
            return False
        if kind != "a folder":
            raise refusal(at, kind)
    return True


def _parts(root: Path, path: Path) -> tuple[str, ...]:
    parts = path.parts[len(root.parts) :] if path.parts[: len(root.parts)] == root.parts else ()
    if not parts or ".." in parts:
        raise refusal(path, f"outside {root}")
    return parts


def _open(root: Path, path: Path, flags: int) -> int:
    """Open a file that `require_plain` has accepted, and check it again: another may have its name by now."""
    try:
        handle = _open_below(root, path, flags | _ALWAYS) if _BY_DESCRIPTOR else os.open(path, flags | _ALWAYS, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise refusal(path, kind_of(path) or "a link") from error
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise refusal(path, "no file")
    return handle


def _open_alone(root: Path, path: Path, flags: int) -> int:
    """Open a file to change it in place; refuse one that has a second name (a hard link)."""
    handle = _open(root, path, flags)
    if os.fstat(handle).st_nlink > 1:
        os.close(handle)
        raise refusal(path, "one of several names of a file")
    return handle


def _open_below(root: Path, path: Path, flags: int) -> int:
    """Open level by level, so that no folder on the way can become a link in between."""
    *folders, name = _parts(root, path)
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            os.close(at)
            at = inner
        return os.open(name, flags, 0o666, dir_fd=at)
    finally:
        os.close(at)
