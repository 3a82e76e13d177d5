# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of a batch from JSON: one array, or a line each. Knows no bpy."""

from __future__ import annotations

from ...protocol.json_text import BadJson, from_text
from .batch_fault import BatchFault
from .rows import Rows, collected, lines_of


def json_rows(text: str) -> Rows:
    """Read an array of rows, or JSON Lines; numbers are the lines', or in an array the entries' from 1."""
    if text.lstrip().startswith("["):
        try:
            return collected(list(enumerate(from_text(text), 1)))
        except BadJson as error:
            return Rows([], [BatchFault.of(error.line, "", text, f"an array of rows in JSON ({error})")])
    try:
        whole = from_text(text)
    except BadJson:
        return _lines(text)
    before = text[: len(text) - len(text.lstrip())]
    return collected([(len(lines_of(before)), whole)])


def _lines(text: str) -> Rows:
    entries, faults = [], []
    for number, line in enumerate(lines_of(text), 1):
        if not line.strip():
            continue
        try:
            entries.append((number, from_text(line)))
        except BadJson as error:
            allowed = f"one JSON object a line, or one array of them ({error})"
            faults.append(BatchFault.of(number, "", line, allowed))
    rows = collected(entries)
    return Rows(rows.rows, faults + rows.faults)
