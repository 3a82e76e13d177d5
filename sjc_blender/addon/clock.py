# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's one timer, which calls on Blender's main thread whatever is due.

It exists only while something is scheduled: Blender 4.5 hangs at its end while a timer is registered.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable

import bpy

from .window_events import in_a_window

Work = Callable[[], float | None]
"""Returns after how many seconds it is to be called again; None: not again."""

_due: dict[Work, float] = {}
"""When each work is called next, on the clock of `time.monotonic`."""

_ticking = False


def schedule(work: Work, after: float = 0.0) -> None:
    """Call `work` in `after` seconds, unless it is scheduled already; in background mode, without events, never."""
    if bpy.app.background or work in _due:
        return
    _due[work] = time.monotonic() + after
    if not _ticking:
        _set_timer()


def cancel(work: Work) -> None:
    """Do not call `work` any more."""
    _due.pop(work, None)
    if not _due and not _ticking:
        _set_timer()


def stop() -> None:
    """Call nothing any more."""
    _due.clear()
    _set_timer()


def _set_timer() -> None:
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    if _due:
        # Persistent: jobs, downloads and the set-up outlive the loading of another file.
        bpy.app.timers.register(_tick, first_interval=_seconds_left(), persistent=True)


def _seconds_left() -> float:
    return max(0.0, min(_due.values()) - time.monotonic())


@in_a_window
def _tick() -> float | None:
    global _ticking
    _ticking = True
    try:
        for work, when in list(_due.items()):
            if when <= time.monotonic() and work in _due:
                _call(work)
    finally:
        _ticking = False
    return _seconds_left() if _due else None


def _call(work: Work) -> None:
    del _due[work]
    try:
        again = work()
    except Exception:  # the border: a timer that raises is never called again, for all the others too
        traceback.print_exc()
        return
    if again is not None:
        _due[work] = time.monotonic() + again
