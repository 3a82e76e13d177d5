# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of a batch, from a list of prompts and mappings. Knows no bpy."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .batch_fault import BatchFault
from .cells import EMPTY, BadCell, cell
from .columns import flattened, is_column, unknown_column

MOST = 10_000
"""Most rows, and jobs, of a batch."""

WIDEST = 1000
"""Most columns."""

PLENTY = 1000
"""Number of faults after which reading stops."""


@dataclass(frozen=True)
class Row:
    """One row; `values` maps column names to values, without empty ones."""

    number: int
    values: dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """All rows, and faults of their form."""

    rows: list[Row]
    faults: list[BatchFault]


def rows_of_list(entries: Sequence[str | Mapping[str, Any]]) -> Rows:
    """Take prompts, or mappings of columns to values; nested ones name fields as dotted columns do."""
    return collected(list(enumerate(entries, 1)))


def lines_of(text: str) -> list[str]:
    """Split text at line ends of files, not at Unicode's other line separators."""
    return re.split(r"\r\n|\n|\r", text)


def collected(entries: Sequence[tuple[int, Any]]) -> Rows:
    """Read entries, each a prompt or a mapping of columns, with their numbers."""
    rows: list[Row] = []
    faults: list[BatchFault] = []
    if len(entries) > MOST:
        return Rows(rows, [too_many(len(entries))])
    for number, entry in entries:
        if len(faults) > PLENTY:
            break
        if isinstance(entry, str):
            entry = {"prompt": entry}
        if isinstance(entry, Mapping):
            rows.append(row_of(number, flattened(entry), faults))
        else:
            faults.append(BatchFault.of(number, "", entry, "a prompt, or columns with their values"))
    return Rows(rows, faults)


def row_of(number: int, cells: Sequence[tuple[str, Any]], faults: list[BatchFault], decimal: str = ".") -> Row:
    """Make a row of its cells; invalid ones are added to the faults."""
    values: dict[str, Any] = {}
    if len(cells) > WIDEST:
        faults.append(too_wide(number, len(cells)))
        return Row(number, values)
    for name, found in cells:
        if name in values or not is_column(name):
            again = BatchFault.of(number, name, found, "each column once")
            faults.append(again if name in values else unknown_column(number, name))
            continue
        try:
            value = cell(name, found, decimal)
        except BadCell as error:
            faults.append(BatchFault.of(number, name, found, str(error)))
            continue
        if value is not EMPTY:
            values[name] = value
    return Row(number, values)


def too_many(count: int) -> BatchFault:
    """Return the fault for a list with too many rows."""
    return BatchFault.of(None, "", count, f"up to {MOST} rows")


def too_wide(number: int, count: int) -> BatchFault:
    """Return the fault for a row with too many cells."""
    return BatchFault.of(number, "", count, f"up to {WIDEST} columns")
