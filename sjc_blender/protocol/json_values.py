# SPDX-License-Identifier: GPL-3.0-or-later
"""Conversion of any values to those that JSON has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

LONGEST = 200
"""Characters shown of a text that is not allowed where it was found."""

LARGEST = 1 << 53
"""Largest integer that programs which read numbers as floats represent exactly."""


def json_value(value: Any) -> Any:
    """Return `value` with numbers that are not finite replaced by None, at any depth."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(item) for item in value]
    return value


Plain = str | int | float | bool | None


def plain(value: Any) -> Plain:
    """Return a value that a user wrote as a JSON value; as text if JSON has no such value."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < LARGEST:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
