# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of every call of the API: it comes from Blender's main thread."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ..protocol.errors import SjcError

P = ParamSpec("P")
R = TypeVar("R")


def require_main_thread(what: str) -> None:
    """Raise SjcError ``other_thread`` where this is not the main thread; `what` begins the sentence."""
    if threading.current_thread() is not threading.main_thread():
        raise SjcError(
            "other_thread",
            f"{what} was asked for in the thread {threading.current_thread().name!r}: Blender's data may be touched "
            "from its main thread only.",
            "Schedule it with bpy.app.timers.register(function), or queue it for your own loop on the main thread.",
        )


def on_main_thread(function: Callable[P, R], name: str) -> Callable[P, R]:
    """Return the function with `require_main_thread` before it, called `name`."""

    @functools.wraps(function)
    def checked(*arguments: P.args, **options: P.kwargs) -> R:
        require_main_thread(f"api.{name}")
        return function(*arguments, **options)

    checked.__name__ = checked.__qualname__ = name
    return checked
