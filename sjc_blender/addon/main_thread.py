# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of every call of the API: it comes from Blender's main thread, with names in UTF-8."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from ..protocol.errors import SjcError
from ..protocol.shown import shown

P = ParamSpec("P")
R = TypeVar("R")

LONGEST = 200
"""Most characters of a name in a message."""


def require_main_thread(what: str) -> None:
    """Raise SjcError ``other_thread`` where this is not the main thread; `what` begins the sentence."""
    if threading.current_thread() is not threading.main_thread():
        raise SjcError(
            "other_thread",
            f"{what} was asked for in the thread {threading.current_thread().name!r}: Blender's data may be touched "
            "from its main thread only.",
            "Schedule it with bpy.app.timers.register(function), or queue it for your own loop on the main thread.",
        )


def require_utf8(*given: object) -> None:
    """Raise SjcError ``bad_usage`` for a text or a path that is not UTF-8: Blender's names and paths are."""
    for value in given:
        text = str(value) if isinstance(value, (str, Path)) else ""
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise SjcError(
                "bad_usage",
                f"{shown(text, LONGEST)!r} is not UTF-8, and Blender's names have to be.",
                "Rename that file or folder.",
            )


def on_main_thread(function: Callable[P, R], name: str) -> Callable[P, R]:
    """Return the function with `require_main_thread` and `require_utf8` before it, called `name`."""

    @functools.wraps(function)
    def checked(*arguments: P.args, **options: P.kwargs) -> R:
        require_main_thread(f"api.{name}")
        require_utf8(*arguments, *options.values())
        return function(*arguments, **options)

    checked.__name__ = checked.__qualname__ = name
    return checked
