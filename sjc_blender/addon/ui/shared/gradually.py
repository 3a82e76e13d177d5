# SPDX-License-Identifier: GPL-3.0-or-later
"""Long work on the main thread in small steps, so that Blender stays responsive."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Generator
from functools import partial
from typing import TypeVar

import bpy

from ....protocol.errors import SjcError
from ... import clock
from ...window_events import redraw_sidebars

T = TypeVar("T")

MOMENT = 0.02
"""Seconds of work at a time; a step that takes longer is not broken up."""

PAUSE = 0.01
"""Seconds between two steps, in which Blender handles input and draws."""

CHANGED = SjcError(
    "changed_meanwhile", "The file was changed in the meantime, for example by an undo.", "Press the button again."
)

running: dict[str, Callable[[], float | None]] = {}
"""Running tasks by name."""


def gradually(
    name: str, steps: Generator[object, None, T], done: Callable[[T], object], failed: Callable[[SjcError], object]
) -> None:
    """Run a generator of steps, a few at a time; in background mode, without an event loop, all at once.

    Nothing happens if something of that name is under way. Loading another file ends it.

    Parameters
    ----------
    steps : generator
        Whatever Blender may have changed or freed since the last step it has to look up again.
    done : callable
        Called with what the steps return.
    failed : callable
        Called with the SjcError that they raise.
    """
    if name in running:
        steps.close()
        return

    def work() -> float | None:
        until = time.perf_counter() + MOMENT
        try:
            while True:
                next(steps)
                if not bpy.app.background and time.perf_counter() >= until:
                    return PAUSE
        except StopIteration as end:
            tell: Callable[[], object] = partial(done, end.value)
        except SjcError as error:
            tell = partial(failed, error)
        except ReferenceError:
            tell = partial(failed, CHANGED)
        except Exception:  # the border: the task must end
            traceback.print_exc()
            tell = bool
        running.pop(name, None)
        redraw_sidebars()
        tell()
        return None

    running[name] = work
    if bpy.app.background:
        work()
    else:
        clock.schedule(work)
        redraw_sidebars()


@bpy.app.handlers.persistent
def forget(*_: object) -> None:
    """End all tasks, which belong to the open file."""
    for work in running.values():
        clock.cancel(work)
    running.clear()


HOOKS = ((bpy.app.handlers.load_pre, forget),)


def unregister() -> None:
    """End all tasks."""
    forget()
