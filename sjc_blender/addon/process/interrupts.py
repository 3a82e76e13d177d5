# SPDX-License-Identifier: GPL-3.0-or-later
"""Counting Ctrl-C instead of ending Blender, and waiting for what it can cancel."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

LOOP_SECONDS = 0.05


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


def wait_while(busy: Callable[[], bool], step: Callable[[], object], cancel: Callable[[bool], object]) -> bool:
    """Block while `busy`, moving on by `step`; return whether Ctrl-C was pressed.

    Parameters
    ----------
    busy, step : callable
    cancel : callable
        Called after each Ctrl-C, with whether it is not the first.
    """
    with Interrupts() as interrupts:
        answered = 0
        while busy():
            if interrupts.count > answered:
                answered = interrupts.count
                cancel(answered > 1)
            step()
            time.sleep(LOOP_SECONDS)
    return answered > 0
