# SPDX-License-Identifier: GPL-3.0-or-later
"""A job holds still between two steps for as long as its user wants."""

from __future__ import annotations

import threading


class Pause:
    """Asked for by one thread, kept by another."""

    def __init__(self) -> None:
        self._going = threading.Event()
        self._going.set()

    @property
    def wanted(self) -> bool:
        """Whether the job is to hold still."""
        return not self._going.is_set()

    def begin(self) -> None:
        """Ask for it."""
        self._going.clear()

    def end(self) -> None:
        """Continue the paused job."""
        self._going.set()

    def keep(self) -> None:
        """Wait until it ends."""
        self._going.wait()
