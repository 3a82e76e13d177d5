# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves the library of models on by a timer, which exists only while there is something to do."""

from __future__ import annotations

import bpy

from ..window_events import in_a_window, redraw_sidebars
from .model_library import LIBRARY

TIMER_SECONDS = 0.25
GRACE_SECONDS = 2.0


def ensure_running() -> None:
    """Let the timer run, if there is an event loop that calls it."""
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        # Persistent: a download outlives the loading of another file.
        bpy.app.timers.register(_tick, first_interval=0.0, persistent=True)


def step() -> bool:
    """Take in what the engine told; return whether that was anything."""
    return LIBRARY.pump()


def busy() -> bool:
    """Whether an action is under way."""
    return LIBRARY.busy


@in_a_window
def _tick() -> float | None:
    if step():
        redraw_sidebars()
    return TIMER_SECONDS if busy() else None


def stop() -> None:
    """Stop a download, and the timer: nothing is left running."""
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    LIBRARY.shut_down(GRACE_SECONDS)
