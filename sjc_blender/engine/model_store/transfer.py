# SPDX-License-Identifier: GPL-3.0-or-later
"""Download of one file over HTTP: resumable, and verified by its SHA-256."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ...protocol.errors import SjcError
from ...protocol.model_events import Transfer

BLOCK = 1 << 23
REPORT_SECONDS = 0.25
RATE_SECONDS = 5.0
"""Seconds over which the rate is measured."""


class Stopped(Exception):
    """Raised when the user stops the download."""


class TooLong(Exception):
    """Raised when a file is longer than its repository says."""


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository.

    Attributes
    ----------
    name : str
        Path in the repository.
    size : int
        Bytes.
    sha256 : str
        Of its contents, for a large file; empty for a small one, which git keeps itself.
    git_oid : str
        git's own hash of a small file.
    """

    name: str
    size: int
    sha256: str = ""
    git_oid: str = ""

    def matches(self, path: Path, heard: Callable[[int], None] = lambda _count: None) -> bool:
        """Whether a file on disk is this one, by its size and its hash.

        Parameters
        ----------
        heard : callable
            Called with the number of bytes that were read; may raise `Stopped`.
        """
        if path.stat().st_size != self.size:
            return False
        # https://git-scm.com/book/en/v2/Git-Internals-Git-Objects: what git hashes has a header.
        digest = hashlib.sha256() if self.sha256 else hashlib.sha1(b"blob %d\0" % self.size, usedforsecurity=False)
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
                heard(len(block))
        wanted = self.sha256 or self.git_oid
        return not wanted or digest.hexdigest() == wanted  # not every mirror of the hub tells git's


class Meter:
    """Counts bytes, reports progress and checks for a stop.

    Parameters
    ----------
    total : int
        Bytes of the whole download.
    report : callable
        Takes a `Transfer`.
    """

    def __init__(self, total: int, report: Callable[[Transfer], None], stopped: Callable[[], bool]) -> None:
        self.done = 0
        self.file = ""
        self._total = total
        self._report = report
        self._stopped = stopped
        self._told = float("-inf")
        self._fetched = 0
        self._marks: deque[tuple[float, int]] = deque()

    def skip(self, count: int) -> None:
        """Count bytes that were there before; negative if they turn out to be useless."""
        self.done += count
        self.tell()

    def fetch(self, count: int) -> None:
        """Count received bytes; raise `Stopped` if the user stops the download."""
        self.done += count
        self._fetched += count
        now = time.monotonic()
        self._marks.append((now, self._fetched))
        while now - self._marks[0][0] > RATE_SECONDS:
            self._marks.popleft()
        self.tell(now)
        self.look()

    def look(self, _count: int = 0) -> None:
        """Raise `Stopped` if the user stops the download."""
        if self._stopped():
            raise Stopped

    def tell(self, now: float | None = None) -> None:
        """Report progress at a limited rate."""
        now = time.monotonic() if now is None else now
        if now - self._told < REPORT_SECONDS and self.done < self._total:
            return
        self._told = now
        self._report(Transfer(self.done, self._total, self._rate(), self.file))

    def _rate(self) -> float:
        if len(self._marks) < 2:
            return 0.0
        (then, before), (now, after) = self._marks[0], self._marks[-1]
        return (after - before) / (now - then) if now > then else 0.0


def fetch(file: RemoteFile, url: str, headers: dict[str, str], partial: Path, meter: Meter) -> None:
    """Download one large file to `partial`, from where an earlier attempt broke off, and check it.

    Raises
    ------
    SjcError
        ``download_corrupt``; `partial` is gone then.
    Stopped
        `partial` keeps what has come.
    OSError, and what huggingface_hub raises
        `partial` keeps what has come.
    """
    from huggingface_hub.file_download import http_get

    meter.file = file.name
    there = partial.stat().st_size if partial.is_file() else 0
    if there > file.size:
        partial.unlink()
        there = 0
    meter.skip(there)
    with partial.open("ab") as stream, suppress(TooLong):
        http_get(
            url,
            stream,
            resume_size=there,
            headers=headers,
            expected_size=file.size,
            displayed_filename=file.name,
            tqdm_class=_bar_for(meter, stream, there, file.size),
        )
    if not file.matches(partial, meter.look):
        meter.skip(-partial.stat().st_size)
        partial.unlink()
        raise corrupt(file.name)


def corrupt(name: str) -> SjcError:
    """Return the error for a file that differs from its repository's description."""
    return SjcError(
        "download_corrupt",
        f"{name} is damaged: its checksum differs from that of its repository. It was deleted.",
        "Start the download again; the other files are kept. If it happens again, something between here and the "
        "server (a proxy, a virus scanner) modifies the data.",
    )


def _bar_for(meter: Meter, stream: BinaryIO, there: int, size: int) -> Any:
    """The class of progress bar that huggingface_hub counts on; it counts on `meter` instead of drawing.

    It raises `TooLong` when more than `size` bytes have come: a server may send without an end.
    """

    class Bar:
        def __init__(self, *_: object, **__: object) -> None:
            # A server without range requests sends the file from its start.
            meter.skip(stream.tell() - there)

        def update(self, count: float | None = 1) -> None:
            # Negative where a connection was lost and the server began anew.
            (meter.fetch if (count or 0) > 0 else meter.skip)(int(count or 0))
            if stream.tell() > size:
                raise TooLong

        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def close(self) -> None:
            pass

    return Bar
