# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of a batch from JSON: one array, or a line each. Knows no bpy."""

from __future__ import annotations

import json
from typing import Any

from .batch_fault import BatchFault
from .rows import Rows, collected, lines_of


def json_rows(text: str) -> Rows:
    """Read an array of rows, or JSON Lines; numbers are the lines', or in an array the entries' from 1."""
    if text.lstrip().startswith("["):
        try:
            return collected(list(enumerate(_parsed(text), 1)))
        except (ValueError, RecursionError) as error:
            line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
            return Rows([], [BatchFault.of(line, "", text, f"an array of rows in JSON ({_reason(error)})")])
    try:
        whole = _parsed(text)
    except (ValueError, RecursionError):
        return _lines(text)
    before = text[: len(text) - len(text.lstrip())]
    return collected([(len(lines_of(before)), whole)])


def _lines(text: str) -> Rows:
    entries, faults = [], []
    for number, line in enumerate(lines_of(text), 1):
        if not line.strip():
            continue
        try:
            entries.append((number, _parsed(line)))
        except (ValueError, RecursionError) as error:
            allowed = f"one JSON object a line, or one array of them ({_reason(error)})"
            faults.append(BatchFault.of(number, "", line, allowed))
    rows = collected(entries)
    return Rows(rows.rows, faults + rows.faults)


def _parsed(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} is there twice")
    return found


def _reason(error: Exception) -> str:
    return "nested too deep" if isinstance(error, RecursionError) else str(error)
