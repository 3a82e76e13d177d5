# SPDX-License-Identifier: GPL-3.0-or-later
"""Counting Ctrl-C instead of ending Blender."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class Interrupts:
    """A context in which an interrupt from the terminal only increments `count`.

    Blender's own handler ends Blender at the second Ctrl-C. Signals reach the main thread only:
    entered in another one, nothing is counted and nothing is changed.
    """

    def __init__(self) -> None:
        self.count = 0
        self._previous: Any = None
        self._installed = False

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._heard)
            self._installed = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._installed:
            # None: the handler was not Python's but Blender's, and cannot be put back.
            signal.signal(signal.SIGINT, self._previous if self._previous is not None else signal.SIG_DFL)
            self._installed = False

    def _heard(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
