"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import SjcError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on leaving without an error it replaces `path`.

    Raises
    ------
    SjcError
        ``disk_full`` or ``folder_not_writable``, naming the folder. `path` keeps what it had.
    """
    temporary: Path | None = None
    try:
        unique = path.with_name(f".{path.stem}-{secrets.token_hex(6)}{path.suffix}")
        # Not by tempfile, whose files nobody but their owner may read.
        unique.touch(exist_ok=False)
        temporary = unique
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise file_error(error, path) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text to `path` atomically; errors as in `atomic_path`."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def file_error(error: OSError, path: Path) -> SjcError:
    """Say in a sentence why a file could not be written."""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return SjcError(
            "disk_full",
            f"The disk is full: {path} could not be written.",
            "Free some space, then resume the job; its last checkpoint is intact.",
        )
    return SjcError(
        "folder_not_writable",
        f"{path} could not be written: {error.strerror or error}.",
        "Choose an output folder that you may write to.",
    )
