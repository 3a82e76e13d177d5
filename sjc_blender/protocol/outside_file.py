# SPDX-License-Identifier: GPL-3.0-or-later
"""Files from outside: regular files of limited size, read at once."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO


class UnusableFile(Exception):
    """Why a file cannot be read, as the end of a sentence that begins with its name."""


def read_outside(path: Path, limit: int) -> bytes:
    """Read a file that was named by a person or in another file.

    Parameters
    ----------
    path : Path
        A link is followed: whoever takes names from a file checks first that they stay inside.
    limit : int
        Bytes that the file may have; nothing of a larger one is read.

    Raises
    ------
    UnusableFile
        It is not there, may not be read, is a folder, a pipe or a device, or is too large.
    """
    with open_outside(path) as file:
        found = os.fstat(file.fileno())
        if found.st_size > limit:
            raise UnusableFile(f"has {found.st_size:,} bytes; allowed: up to {limit:,}")
        try:
            content = file.read(limit + 1)
        except OSError as error:
            raise UnusableFile(_told(path, error)) from error
    if len(content) > limit:
        raise UnusableFile(f"grows while it is read; allowed: up to {limit:,} bytes")
    return content


def stays_inside(folder: Path, name: str) -> bool:
    """Return whether a name found in a file leads to a place inside a folder, links resolved."""
    try:
        return Path(os.path.realpath(folder / name)).is_relative_to(os.path.realpath(folder))
    except (OSError, ValueError):  # a ValueError if there is a NUL in the name
        return False


def is_file(path: str | Path) -> bool:
    """Return whether `path` is a file; unlike `Path.is_file`, False where access is denied."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: str | Path) -> bool:
    """Return whether `path` is a folder; see `is_file`."""
    return os.path.isdir(path)  # noqa: PTH112


def is_there(path: str | Path) -> bool:
    """Return whether `path` exists; see `is_file`."""
    return os.path.exists(path)  # noqa: PTH110


def open_outside(path: Path) -> BinaryIO:
    """Open such a file for reading, of any size; UnusableFile as of `read_outside`."""
    try:
        # A pipe without a writer would be waited for, and a device may do anything when it is read.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:  # a ValueError if there is a NUL in the name
        raise UnusableFile(_told(path, error)) from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise UnusableFile("is not a file" if stat.S_ISDIR(found.st_mode) else "is a pipe or a device, not a file")
    return os.fdopen(descriptor, "rb")


def _told(path: Path, error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, IsADirectoryError) or is_folder(path):  # Windows refuses to open a folder
        return "is not a file"
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"cannot be read ({reason})"
