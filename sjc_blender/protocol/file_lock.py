# SPDX-License-Identifier: GPL-3.0-or-later
"""A lock on a file, which the system releases when its holder ends, however it ends."""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path

from .errors import SjcError
from .outside_file import is_file
from .plain_files import open_lock_file

if sys.platform == "win32":
    import msvcrt

    FAR = 1 << 30
    """Position of the locked byte, beyond the end of the file: Windows refuses to read locked bytes."""

    def _try_lock(handle: int) -> None:
        os.lseek(handle, FAR, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


RETRY_SECONDS = 0.005

HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)
"""Error numbers for a file that another process has locked; any other one means that the disk has no locks."""


class NoLocks(OSError):
    """Raised where the file system has no locks, as on some network disks."""


class FileLock:
    """A lock that this process has; made by `acquire`, ended by `release` or by the end of the process.

    Parameters
    ----------
    handle : int
        Descriptor of the open, locked file.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle

    @classmethod
    def acquire(cls, path: Path, patience: float = 0.0) -> FileLock | None:
        """Lock the file at `path`, which is created if necessary; None if another process has the lock.

        The file stays where it is when the lock is released: to delete it would let two hold it.

        Parameters
        ----------
        patience : float
            Seconds to wait for another process to release it.

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
        """Release the lock."""
        os.close(self._handle)


def is_held(path: Path) -> bool:
    """Return whether a process has the lock at `path`; nothing is written, and no file is created.

    Raises
    ------
    NoLocks
        If that cannot be known.
    """
    if not is_file(path):
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
