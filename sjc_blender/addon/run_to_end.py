# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a generator of steps to its end; `ui.shared.gradually` runs one in the background."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")


def run_to_end(steps: Generator[object, None, T]) -> T:
    """Take every step, and return the generator's value."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
