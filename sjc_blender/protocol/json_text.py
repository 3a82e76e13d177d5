# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON from outside, read in bounded time and memory, with one kind of error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .outside_file import read_outside

DEEPEST = 64
"""Deepest nesting of lists and objects."""

MOST_VALUES = 400_000
MOST_GROUPS = 250_000
"""Most lists and objects; an empty one takes thirty times its two bytes in memory."""


class BadJson(ValueError):
    """Raised for a text that is not JSON, or too large or too deep."""


def from_bytes(content: bytes) -> Any:
    """Read JSON in UTF-8; see `from_text`."""
    try:
        return from_text(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadJson(f"it is not UTF-8 from byte {error.start} on") from None


def from_text(text: str) -> Any:
    """Read JSON.

    Returns
    -------
    value
        Its numbers may be infinite (``1e999``) or whole numbers of thousands of digits, and its texts may hold halves
        of characters: `sjc_blender.protocol.codec` refuses them where they matter.

    Raises
    ------
    BadJson
        If it is not JSON, is nested deeper than `DEEPEST`, or has more values than any file of ours.
    """
    if text.count("[") + text.count("{") > MOST_GROUPS or text.count(",") > MOST_VALUES:
        raise BadJson("it holds far too many values")
    try:
        value = json.loads(text)
    except RecursionError:
        raise BadJson("it is nested too deeply") from None
    except ValueError as error:  # also a whole number of too many digits
        raise BadJson(str(error).rstrip(".")) from None
    _require_flat(value)
    return value


def read_json(path: Path, limit: int) -> Any:
    """Read a JSON file of at most `limit` bytes.

    Raises
    ------
    BadJson
        As `from_bytes`.
    UnusableFile
        As `read_outside`, which follows links: for files of models and of the user, not of a job's folder.
    """
    return from_bytes(read_outside(path, limit))


def _require_flat(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise BadJson(f"it is nested more than {DEEPEST} levels deep")


def _inside(value: Any) -> Any:
    if isinstance(value, list):
        return value
    return value.values() if isinstance(value, dict) else ()
