# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading custom properties of results; the .blend may come from anyone."""

from __future__ import annotations

import math
from pathlib import PurePath
from typing import Any

import bpy

LONGEST_NAME = 255
"""Most characters of a file name on any system."""


def kept_text(owner: bpy.types.ID | None, name: str) -> str:
    """Return the text of a property; empty if it is missing or not a text."""
    value: Any = owner.get(name) if owner is not None else None
    return value if isinstance(value, str) else ""


def kept_name(owner: bpy.types.ID | None, name: str) -> str:
    """Return the text of a property if it is a plain file name without a path; else empty."""
    text = kept_text(owner, name)
    return text if len(text) <= LONGEST_NAME and text != ".." and PurePath(text).name == text else ""


def kept_number(owner: bpy.types.ID, name: str, default: float, low: float, high: float) -> float:
    """Return the number of a property; `default` if it is missing, not a number, or outside [low, high]."""
    value: Any = owner.get(name)
    return float(value) if is_number(value) and low <= value <= high else default


def kept_numbers(owner: bpy.types.ID, name: str, count: int) -> tuple[float, ...] | None:
    """Return the numbers of a property if it has `count` finite ones; else None."""
    value: Any = owner.get(name)
    try:
        numbers = [] if isinstance(value, str) or len(value) != count else list(value)
    except TypeError:
        return None
    usable = len(numbers) == count and all(map(is_number, numbers))
    return tuple(float(number) for number in numbers) if usable else None


def is_number(value: Any) -> bool:
    """Return whether a custom property is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
