# SPDX-License-Identifier: GPL-3.0-or-later
"""Short tasks in a thread, whose outcome is delivered on Blender's main thread.

For each key one task runs and the newest one waits: a dragged slider requests more than can be computed. At the end of
a drag one undo step is pushed. In background mode, where no timer fires, tasks are done at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import bpy

from ...protocol.errors import SjcError
from .. import clock
from ..window_events import push_undo, redraw_sidebars

TIMER_SECONDS = 0.02
QUIET_SECONDS = 0.4
"""Seconds without a new task after which a drag counts as ended."""

JOIN_SECONDS = 5.0


@dataclass
class _Task:
    key: str
    work: Callable[[], Any]
    finish: Callable[[Any], None]
    undo_message: str
    outcome: list[Any] = field(default_factory=list)

    def run(self) -> None:
        try:
            self.outcome.append(self.work())
        except SjcError as error:
            self.outcome.append(error)
        except Exception as error:  # the border: the thread must deliver an outcome
            self.outcome.append(
                SjcError("internal_error", f"An internal error: {type(error).__name__}: {error}.", "Please report it.")
            )


LISTENERS: list[Callable[[str, SjcError | None], None]] = []
"""Called on the main thread with the key of an ended task, and its error if it failed."""

_waiting: dict[str, _Task] = {}
_running: tuple[_Task, threading.Thread] | None = None
_undo: tuple[str, float] | None = None
"""Message of the pending undo step, and the time of the last outcome."""


def start(key: str, work: Callable[[], Any], finish: Callable[[Any], None], undo_message: str) -> None:
    """Do `work` in a thread, then call `finish` on the main thread with what it returned, or its `SjcError`.

    Parameters
    ----------
    key : str
        A newer task replaces a waiting one of the same key.
    work : callable
        Touches no Blender data.
    undo_message : str
        Message of the undo step that is pushed when everything is done.
    """
    task = _Task(key, work, finish, undo_message)
    if bpy.app.background:
        task.run()
        finish(task.outcome[0])
        return
    _waiting[key] = task
    _begin_next()
    clock.schedule(_tick, TIMER_SECONDS)


def busy(key: str) -> bool:
    """Return whether a task of that key runs or waits."""
    return key in _waiting or (_running is not None and _running[0].key == key)


def forget() -> None:
    """Discard waiting tasks, and the outcome of a running one: they belong to a file that was closed."""
    global _running, _undo
    _waiting.clear()
    clock.cancel(_tick)
    _running = _undo = None


def stop() -> None:
    """As `forget`, and wait for the running task."""
    running = _running
    forget()
    if running is not None:
        running[1].join(JOIN_SECONDS)


def _begin_next() -> None:
    global _running
    if _running is not None or not _waiting:
        return
    task = _waiting.pop(next(iter(_waiting)))
    thread = threading.Thread(target=task.run, name="SJC result work", daemon=True)
    _running = (task, thread)
    thread.start()


def _tick() -> float | None:
    global _running, _undo
    if _running is not None and not _running[1].is_alive():
        task = _running[0]
        _running = None
        _begin_next()
        task.finish(task.outcome[0])
        for listener in LISTENERS:
            listener(task.key, task.outcome[0] if isinstance(task.outcome[0], SjcError) else None)
        _undo = (task.undo_message, time.monotonic())
        redraw_sidebars()
    if _running is not None:
        return TIMER_SECONDS
    if _undo is None:
        return None
    message, since = _undo
    if time.monotonic() - since < QUIET_SECONDS:
        return TIMER_SECONDS
    _undo = None
    push_undo(message)
    return None
