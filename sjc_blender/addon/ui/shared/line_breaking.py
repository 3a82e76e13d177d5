# SPDX-License-Identifier: GPL-3.0-or-later
"""Text broken into lines of a width. Knows no bpy."""

from __future__ import annotations

from collections.abc import Callable


def wrapped(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """Break text into lines.

    Parameters
    ----------
    text : str
        Its own line breaks are kept.
    width : float
        What fits, in the units of `measure`. A longer word is broken.
    measure : callable
        Width of a text.
    """
    lines = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}" if line else word
            if line and measure(longer) > width:
                lines.append(line)
                longer = word
            while measure(longer) > width and len(longer) > 1:
                fits = _fitting(longer, width, measure)
                lines.append(longer[:fits])
                longer = longer[fits:]
            line = longer
        lines.append(line)
    return lines


def _fitting(word: str, width: float, measure: Callable[[str], float]) -> int:
    """Return how many of a word's characters fit, at least one; by bisection, as paths are long."""
    low, high = 1, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(word[:middle]) <= width else (low, middle - 1)
    return low
