# SPDX-License-Identifier: GPL-3.0-or-later
"""Work that is told in steps, for those who wait for it; `ui.shared.gradually` is for those who do not."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")


def drained(steps: Generator[object, None, T]) -> T:
    """Take every step, and give what they return."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
