# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals that end a job in order: Ctrl-C, and what schedulers, containers and shells send before they kill."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from .pause import Pause

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""SIGTERM comes from Slurm, Kubernetes, Open Job Description and ``docker stop``, SIGHUP from a closed terminal,
SIGBREAK from Windows."""


@contextmanager
def stopped_by_signals(stop: threading.Event, pause: Pause | None = None) -> Iterator[None]:
    """Set `stop` on the first signal, and end `pause`; the second one of a kind ends the process at once.

    A signal that the process was told to ignore, as by ``nohup``, stays ignored.
    """
    previous: dict[signal.Signals, Any] = {}

    def handle(number: int, _frame: FrameType | None) -> None:
        stop.set()
        if pause is not None:
            pause.end()
        signal.signal(number, signal.SIG_DFL)  # not Python's own for Ctrl-C, which ends in a traceback

    for name in NAMES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            previous[number] = signal.signal(number, handle) or signal.SIG_DFL  # None: not set by Python
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
