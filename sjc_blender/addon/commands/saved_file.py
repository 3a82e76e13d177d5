# SPDX-License-Identifier: GPL-3.0-or-later
"""A .blend that several processes write, one at a time, each continuing with what the last one saved."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...protocol import atomic_write
from ...protocol.lease import Lease, holder_of, lock_of
from .progress import Progress

WAIT_SECONDS = 0.5


@contextmanager
def only_one_writes(path: Path, say: Progress) -> Iterator[None]:
    """Wait until no other process works on the file, and keep others waiting; Ctrl-C ends the wait.

    Raises
    ------
    SjcError
        ``folder_not_writable``, ``disk_full``, ``not_a_plain_file``.
    """
    lease_path = path.with_name(f".{path.name}.lease")
    lease = _acquired(lease_path, path, say)
    try:
        yield
    finally:
        lease.release()


def _acquired(lease_path: Path, path: Path, say: Progress) -> Lease:
    told = False
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lease = Lease.acquire(lease_path)
        except OSError as error:
            raise atomic_write.file_error(error, lease_path) from error
        if lease is not None:
            return lease
        if not told:
            holder = holder_of(lease_path)
            whose = f" ({holder})" if holder is not None else ""
            lock = lock_of(lease_path).name
            text = f"{path} is being written by another batch{whose}; waiting ({lock} beside it)."
            say.say(text, "waiting", blend=str(path))
            told = True
        time.sleep(WAIT_SECONDS)
