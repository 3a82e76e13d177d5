# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON from outside, read in bounded time and memory, with one kind of error."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from .outside_file import read_outside

DEEPEST = 64
"""Deepest nesting of lists and objects."""

MOST_VALUES = 400_000
MOST_GROUPS = 250_000
"""Most lists and objects; an empty one takes thirty times its two bytes in memory."""


class BadJson(ValueError):
    """Raised for a text that is not JSON, or too large or too deep; `line` is the line of the fault."""

    def __init__(self, why: str, line: int = 1) -> None:
        super().__init__(why)
        self.line = line


def from_bytes(content: bytes, *, as_libraries: bool = False) -> Any:
    """Read JSON in UTF-8; see `from_text`."""
    try:
        return from_text(content.decode("utf-8-sig"), as_libraries=as_libraries)
    except UnicodeDecodeError as error:
        raise BadJson(f"it is not UTF-8 from byte {error.start} on") from None


def from_text(text: str, *, as_libraries: bool = False) -> Any:
    """Read JSON.

    Parameters
    ----------
    text : str
    as_libraries : bool
        Of a name that an object has twice take the last value, as the libraries do that read the same file after us.

    Returns
    -------
    value
        Its numbers may be infinite (``1e999``) or whole numbers of thousands of digits, and its texts may hold halves
        of characters: `sjc_blender.protocol.codec` refuses them where they matter.

    Raises
    ------
    BadJson
        If it is not JSON, is nested deeper than `DEEPEST`, has more values than any file of ours, or an object has a
        name twice.
    """
    if text.count("[") + text.count("{") > MOST_GROUPS or text.count(",") > MOST_VALUES:
        raise BadJson("it holds far too many values")
    try:
        value = json.loads(text, object_pairs_hook=dict if as_libraries else _object)
    except RecursionError:
        raise BadJson("it is nested too deeply") from None
    except BadJson:
        raise
    except ValueError as error:  # also a whole number of too many digits
        raise BadJson(str(error).rstrip("."), getattr(error, "lineno", 1)) from None
    _require_flat(value)
    return value


def object_in(text: str, longest: int, *, as_libraries: bool = False) -> dict[str, Any]:
    """Return the JSON object that a text is; empty for any other, and for one of more than `longest` characters."""
    try:
        found = from_text(text, as_libraries=as_libraries) if len(text) <= longest else None
    except BadJson:
        return {}
    return found if isinstance(found, dict) else {}


def read_json(path: Path, limit: int, *, as_libraries: bool = False) -> Any:
    """Read a JSON file of at most `limit` bytes.

    Raises
    ------
    BadJson
        As `from_bytes`.
    UnusableFile
        As `read_outside`, which follows links: for files of models and of the user, not of a job's folder.
    """
    return from_bytes(read_outside(path, limit), as_libraries=as_libraries)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = Counter(name for name, _ in pairs)
        twice = names.most_common(1)[0][0]
        raise BadJson(f"{twice!r} is there twice")
    return found


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
