# SPDX-License-Identifier: GPL-3.0-or-later
"""Work in a thread that ends with Blender, unlike those of Python's own executors, which are waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def in_thread(work: Callable[[], T], name: str) -> Future[T]:
    """Start `work`, which touches no Blender data, in a daemon thread called `name`; return its outcome."""
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except Exception as error:  # whoever asks for the outcome gets it
            outcome.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return outcome
