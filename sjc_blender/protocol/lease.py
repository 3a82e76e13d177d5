# SPDX-License-Identifier: GPL-3.0-or-later
"""Exclusive use of a file or folder, also among computers that share a disk: a lock, and a file that is refreshed.

A lock ends with its process, but not every network disk has locks, and some keep them from other computers. So the
holder also writes a *lease* beside the lock: host, process, and a count that rises every few seconds. Clocks of other
computers are not relied upon: whoever wants a lease that another computer holds watches it, and takes it over once it
has not changed for `STALE_SECONDS` of his own clock.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .errors import SjcError
from .file_lock import FileLock, NoLocks
from .file_lock import is_held as is_locked
from .plain_files import open_lock_file, read_plain
from .shown import shown

BEAT_SECONDS = 5.0
"""Seconds between two updates of a lease."""

STALE_SECONDS = 45.0
"""Seconds without an update after which a lease is free; network disks show changes late."""

WATCH_SECONDS = 0.2
LARGEST = 4096
VERSION = 1


@dataclass(frozen=True)
class Holder:
    """The holder of a lease, as it describes itself.

    Attributes
    ----------
    host : str
    system : str
        Tells one start of one computer, and one container, from another, where that is known.
    process : int
    started : float
        Seconds since 1970 by the holder's clock, for people.
    token : str
        Tells this lease from any other.
    """

    host: str
    system: str
    process: int
    started: float
    token: str

    def __str__(self) -> str:
        return f"process {self.process} of {self.host}"


class Lease:
    """A lease that this process has; made by `acquire`, ended by `release`.

    Attributes
    ----------
    path : Path
        The lease's file.
    without_locks : bool
        Whether the disk has no locks, so that this lease alone keeps others out.
    """

    def __init__(self, path: Path, holder: Holder, lock: FileLock | None) -> None:
        self.path = path
        self.without_locks = lock is None
        self._holder = holder
        self._lock = lock
        self._beats = 0
        self._lost = False
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="SJC lease", daemon=True)
        self._keeper.start()

    @classmethod
    def acquire(
        cls, path: Path, patience: float = 0.0, waiting: Callable[[Holder | None], None] | None = None
    ) -> Lease | None:
        """Acquire the lease whose file is `path`; None if another process has it.

        Parameters
        ----------
        path : Path
            Of a file in a folder that is there; the lock lies beside it, with the suffix ``.lock``.
        patience : float
            Seconds to wait for a lock that is held.
        waiting : callable, optional
            Called with the holder before waiting up to `STALE_SECONDS` to see whether it is still alive.

        Raises
        ------
        OSError
            If the files cannot be written.
        SjcError
            ``not_a_plain_file`` if one of them is a link, a pipe or the like.
        """
        lock: FileLock | None = None
        with contextlib.suppress(NoLocks):
            lock = FileLock.acquire(lock_of(path), patience)
            if lock is None:
                return None
        try:
            holder = _made(path, lock is not None, waiting)
        except BaseException:
            if lock is not None:
                lock.release()
            raise
        if holder is None:
            if lock is not None:
                lock.release()
            return None
        return cls(path, holder, lock)

    @property
    def lost(self) -> bool:
        """Whether another process took it over because this one did not update it in time, for example while asleep."""
        return self._lost

    def release(self) -> None:
        """Release the lease and its lock."""
        self._ended.set()
        self._keeper.join(BEAT_SECONDS)
        with contextlib.suppress(OSError, SjcError):
            if _token(_content(self.path)) == self._holder.token:
                self.path.unlink()
        if self._lock is not None:
            self._lock.release()

    def _keep(self) -> None:
        while not self._lost and not self._ended.wait(BEAT_SECONDS):
            with contextlib.suppress(OSError):  # a network that comes back
                self._beat()

    def _beat(self) -> None:
        try:
            if _token(_content(self.path)) != self._holder.token:
                self._lost = True
                return
            self._beats += 1
            _write(self.path, _text(self._holder, self._beats), os.O_RDWR)
        except SjcError:
            self._lost = True


def lock_of(path: Path) -> Path:
    """Return the path of the lock beside a lease."""
    return path.with_suffix(".lock")


def is_held(path: Path) -> bool:
    """Return whether a process has the lease whose file is `path`; returns at once and writes nothing.

    A lease of another computer counts as held until this process has seen it unchanged for `STALE_SECONDS`.
    """
    locks = True
    try:
        if is_locked(lock_of(path)):
            return True
    except NoLocks:
        locks = False
    content = _content_or_none(path)
    return content is not None and not _is_over(content, locks) and not _is_stale(path, content)


def holder_of(path: Path) -> Holder | None:
    """Return the present or last holder of the lease whose file is `path`; None if it is missing or unreadable."""
    content = _content_or_none(path)
    return None if content is None else _read(content)


_seen: dict[Path, tuple[bytes, float]] = {}
"""Content of a lease at its last observed change, and the time of that by this process's clock."""


def _made(path: Path, locks: bool, waiting: Callable[[Holder | None], None] | None) -> Holder | None:
    """Write a new lease in place of one whose holder is gone; None if the holder is alive."""
    holder = Holder(socket.gethostname(), _system(), os.getpid(), time.time(), secrets.token_hex(8))
    first: bytes | None = None
    while True:
        try:
            _write(path, _text(holder, 0), os.O_RDWR | os.O_CREAT | os.O_EXCL)
            return holder
        except FileExistsError:
            content = _content_or_none(path)
        if content is None:
            continue
        if _is_over(content, locks) or _is_stale(path, content):
            _put_aside(path, content)
            continue
        if first is None:
            first = content
            if waiting is not None:
                waiting(_read(content))
        elif content != first:
            return None
        time.sleep(WATCH_SECONDS)


def _is_over(content: bytes, locks: bool) -> bool:
    """Return whether the holder is certainly gone: on this computer its lock would show that it is alive."""
    holder = _read(content)
    if holder is None or holder.host != socket.gethostname():
        return False
    if locks:
        return True
    # Only on Linux is it known whether the process id is of this start of the computer, and of this container.
    return sys.platform == "linux" and holder.system == _system() and not _is_alive(holder.process)


def _is_stale(path: Path, content: bytes) -> bool:
    seen = _seen.get(path)
    if seen is None or seen[0] != content:
        _seen[path] = (content, time.monotonic())
        return False
    return time.monotonic() - seen[1] > STALE_SECONDS


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _system() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _put_aside(path: Path, content: bytes) -> None:
    """Remove a lease that has `content`; one that was renewed or replaced in the meantime is put back."""
    aside = path.with_name(f".{path.stem}-{secrets.token_hex(6)}{path.suffix}")
    try:
        path.rename(aside)
    except FileNotFoundError:  # another process was faster
        return
    if _content_or_none(aside) != content and not path.exists():
        aside.rename(path)
    else:
        aside.unlink(missing_ok=True)


def _text(holder: Holder, beats: int) -> bytes:
    # Always of the same length, for it is written in place: a reader may see half of it, and then sees a change.
    return json.dumps({"version": VERSION, **holder.__dict__, "beat": f"{beats:012d}"}).encode() + b"\n"


def _write(path: Path, text: bytes, flags: int) -> None:
    handle = open_lock_file(path, flags)
    try:
        os.write(handle, text)
        os.fsync(handle)
    except OSError:
        if flags & os.O_EXCL:
            path.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)


def _content(path: Path) -> bytes:
    return read_plain(path.parent, path, LARGEST)


def _content_or_none(path: Path) -> bytes | None:
    """Read a lease; None if there is none. An unreadable one has a content too and is watched like any other."""
    try:
        return _content(path)
    except FileNotFoundError:
        return None
    except (OSError, SjcError):
        return b""


def _token(content: bytes) -> str:
    holder = _read(content)
    return holder.token if holder is not None else ""


def _read(content: bytes) -> Holder | None:
    try:
        data = json.loads(content)
        return Holder(
            shown(str(data["host"])),
            str(data["system"]),
            int(data["process"]),
            float(data["started"]),
            str(data["token"]),
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
