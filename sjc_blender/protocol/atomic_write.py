# SPDX-License-Identifier: GPL-3.0-or-later
"""Files appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import SjcError

PATIENCE = 1.0
"""Seconds for which a refused rename is tried again: virus scanners and cloud folders hold new files for a moment."""

RETRY_SECONDS = 0.05
MOMENTARY = (errno.EACCES, errno.EPERM, errno.EBUSY)
"""What a rename is refused with while another program looks at one of the two files."""

ROOM = 1 << 16
"""Bytes that must be free yet after a program that does not say whether its writes were refused."""

LONGEST_STEM = 200
"""Bytes of a name that a temporary file repeats: 255 is the most that a name may have."""

_TEMPORARY = re.compile(r"\.(?P<stem>.+)-[0-9a-f]{12}(?P<suffix>(\.[^.]*)?)")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on exit without an error it replaces `path`.

    The temporary file is a new one, so whatever has the name `path`, a link too, is replaced and not written through.

    Raises
    ------
    SjcError
        ``disk_full`` or ``folder_not_writable``, naming the folder. `path` keeps what it had.
    """
    temporary: Path | None = None
    try:
        _require_replaceable(path)
        unique = _beside(path, path.suffix)
        # Not by tempfile, whose files nobody but their owner may read.
        handle = os.open(unique, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        temporary, mode = unique, stat.S_IMODE(os.fstat(handle).st_mode)
        os.close(handle)
        yield temporary
        _finish(temporary, mode)
        _replace(temporary, path)
    except OSError as error:
        raise file_error(error, path) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextmanager
def atomic_files(path: Path) -> Iterator[Path]:
    """Yield `path` in a temporary folder; on exit its files replace those of the same names beside `path`, `path` last.

    For programs that write several files, or tell nothing of a full disk: the files go to the disk and there must be
    room left, or nothing is replaced. Missing folders are made.

    Raises
    ------
    SjcError
        ``disk_full`` or ``folder_not_writable``. Files that were there keep what they had.
    """
    folder: Path | None = None
    try:
        _require_replaceable(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        unique = _beside(path)
        unique.mkdir()
        folder = unique
        yield folder / path.name
        written = sorted(folder.iterdir(), key=lambda file: file.name == path.name)
        if not written or written[-1].name != path.name or any(not file.stat().st_size for file in written):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        require_room(folder)
        for file in written:
            _finish(file, stat.S_IMODE(file.stat().st_mode))
        for file in written:
            _replace(file, path.with_name(file.name))
    except OSError as error:
        raise file_error(error, path) from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _require_replaceable(path: Path) -> None:
    """Refuse a pipe or a device, such as ``/dev/stdout``, also behind a link: it must not be replaced by a file."""
    with contextlib.suppress(FileNotFoundError):
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise SjcError("folder_not_writable", f"{path} is a pipe or a device, not a file.", "Name a file.")


def require_room(folder: Path, size: int = ROOM) -> None:
    """Raise OSError if the disk has no room for `size` bytes: what was just written may have been cut off."""
    with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
        left = size
        while left > 0:  # the last write to a full disk writes a part
            left -= probe.write(bytes(min(left, ROOM)))
        os.fsync(probe.fileno())


def _beside(path: Path, suffix: str = "") -> Path:
    """Return a new name beside `path` that is no longer than file systems allow."""
    stem = os.fsencode(path.stem)[: max(1, LONGEST_STEM - len(os.fsencode(suffix)))].decode("utf-8", "ignore")
    return path.with_name(f".{stem}-{secrets.token_hex(6)}{suffix}")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text to `path` atomically; errors as in `atomic_path`."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def written_for(name: str) -> str:
    """Return the name of the file for which `atomic_path` made a temporary file; empty for any other name."""
    found = _TEMPORARY.fullmatch(name)
    return found["stem"] + found["suffix"] if found is not None else ""


def file_error(error: OSError, path: Path) -> SjcError:
    """Return the error for a file that could not be written."""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return SjcError(
            "disk_full",
            f"The disk is full: {path} could not be written.",
            "Free some space, then do it again. Nothing that was there is lost; a job can be resumed.",
        )
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return SjcError(
            "folder_not_writable",
            f"{path} could not be written: it, or a folder above it, has the name of a file that is there.",
            "Choose another folder, or rename that file.",
        )
    return SjcError(
        "folder_not_writable",
        f"{path} could not be written: {error.strerror or error}.",
        "Choose an output folder that you may write to; for what goes beside the .blend, save that elsewhere "
        "(File > Save As).",
    )


def _finish(temporary: Path, mode: int) -> None:
    """Flush a file to the disk, with the permissions of a new file: some libraries set others."""
    with temporary.open("rb+") as file:
        if os.name == "posix":
            os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())


def _replace(temporary: Path, path: Path) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            temporary.replace(path)
            return
        except OSError as error:
            if error.errno not in MOMENTARY or time.monotonic() >= end:
                raise
        time.sleep(RETRY_SECONDS)
