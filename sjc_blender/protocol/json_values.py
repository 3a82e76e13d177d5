# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of any kind as values that JSON has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

LONGEST = 200
"""Letters of a text that was found where it is not allowed."""

LARGEST = 1 << 53
"""Programs that read numbers as floats know whole ones up to here."""


def json_value(value: Any) -> Any:
    """Give the same in JSON's values: numbers that are not finite become None, at any depth."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(item) for item in value]
    return value


Plain = str | int | float | bool | None


def plain(value: Any) -> Plain:
    """Give a value that somebody wrote, as JSON has it; what JSON has no plain value for, as text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < LARGEST:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
