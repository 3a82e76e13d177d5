# SPDX-License-Identifier: GPL-3.0-or-later
"""A lock on a file, which the system lets go of when its holder ends, however it ends."""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path

from .errors import SjcError
from .plain_files import open_lock_file

if sys.platform == "win32":
    import msvcrt

    FAR = 1 << 30
    """Windows refuses to read what is locked: the locked byte lies beyond the end of the file."""

    def _try_lock(handle: int) -> None:
        os.lseek(handle, FAR, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


RETRY_SECONDS = 0.005

HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)
"""What the systems say of a file that somebody else has locked; anything else means that there are no locks."""


class NoLocks(OSError):
    """The file system of a file knows no locks, as some network disks do not."""


class FileLock:
    """Holds a file for one process; made by `acquire`, given back by `release` or by the end of the process.

    Parameters
    ----------
    handle : int
        Descriptor of the open, locked file.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle

    @classmethod
    def acquire(cls, path: Path, patience: float = 0.0) -> FileLock | None:
        """Lock the file at `path`, which is made if it is not there; None if someone else holds it.

        The file stays where it is when the lock is released: to delete it would let two hold it.

        Parameters
        ----------
        path : Path
        patience : float
            Seconds to wait for the holder.

        Raises
        ------
        NoLocks
            If the file system has none.
        OSError
            If the file cannot be opened for writing.
        SjcError
            ``not_a_plain_file`` for a link, a pipe or the like.
        """
        handle = open_lock_file(path)
        end = time.monotonic() + patience
        while True:
            try:
                _try_lock(handle)
            except OSError as error:
                if error.errno in HELD and time.monotonic() < end:
                    time.sleep(RETRY_SECONDS)
                    continue
                os.close(handle)
                if error.errno in HELD:
                    return None
                raise NoLocks(error.errno, error.strerror, str(path)) from error
            return cls(handle)

    def release(self) -> None:
        """Let go of the file."""
        os.close(self._handle)


def is_held(path: Path) -> bool:
    """Whether someone holds the lock at `path`; nothing is written, and no file is made.

    Raises
    ------
    NoLocks
        If that cannot be known.
    """
    if not path.is_file():
        return False
    try:
        lock = FileLock.acquire(path)
    except NoLocks:
        raise
    except (OSError, SjcError):
        return False
    if lock is None:
        return True
    lock.release()
    return False
