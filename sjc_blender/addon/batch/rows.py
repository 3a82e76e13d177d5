"""Rows of a batch: from a list, or from text as a table, JSON, JSON Lines or a prompt a line. Knows no bpy."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from .batch_fault import BatchFault
from .cells import EMPTY, BadCell, cell
from .columns import canonical, flattened, is_column, unknown_column

MOST = 10_000
"""Rows, and jobs, of a batch."""

WIDEST = 1000
"""Columns."""

PLENTY = 1000
"""Faults after which the rest is not read."""

COMMENT = "#"

KINDS = {
    ".csv": "table",
    ".tsv": "table",
    ".tab": "table",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
}


@dataclass(frozen=True)
class Row:
    """What one row says; `values` has columns by name, those it leaves empty left out."""

    number: int
    values: dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """Every row, and what is wrong with the form of some."""

    rows: list[Row]
    faults: list[BatchFault]


def rows_of_list(entries: Sequence[str | Mapping[str, Any]]) -> Rows:
    """Take prompts, or mappings of columns to values; nested ones name fields as dotted columns do."""
    return collected(list(enumerate(entries, 1)))


def rows_of_text(text: str, name: str) -> Rows:
    """Read a file's or a Text block's rows.

    Parameters
    ----------
    text : str
    name : str
        Its ending says what it is: ``.csv``, ``.tsv`` or ``.tab``, ``.json``, ``.jsonl`` or ``.ndjson``. Of another
        name: JSON if it begins as such, a table if its first line has a column ``prompt``, else a prompt a line, where
        ``#`` begins a remark.
    """
    # Here, for both need what this module has.
    from .json_rows import json_rows
    from .table_rows import table_rows

    text = text.removeprefix("\ufeff")
    suffix = PurePath(name).suffix.lower()
    kind = KINDS.get(suffix) or _kind(text)
    if kind == "table":
        return table_rows(text, tabs=suffix in {".tsv", ".tab"})
    return json_rows(text) if kind == "json" else _prompts(text)


def lines_of(text: str) -> list[str]:
    """Split text at what ends a line of a file, and at nothing else that Unicode counts as such."""
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
    """Make a row of its cells; what is wrong with them is added to the faults."""
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
    """Give the fault of a list that is longer than any that is meant."""
    return BatchFault.of(None, "", count, f"up to {MOST} rows")


def too_wide(number: int, count: int) -> BatchFault:
    """Give the fault of a row with more cells than there can be columns."""
    return BatchFault.of(number, "", count, f"up to {WIDEST} columns")


def _kind(text: str) -> str:
    start = text.lstrip()
    if re.match(r'\{\s*"|\[\s*[\[{"]', start):
        return "json"
    first = lines_of(start)[0]
    header = [canonical(name.replace('"', "")) for name in re.split("[,;\t]", first)]
    return "table" if "prompt" in header or re.match(r'"?sep=.', first, re.IGNORECASE) else "prompts"


def _prompts(text: str) -> Rows:
    lines = [(number, line.strip()) for number, line in enumerate(lines_of(text), 1)]
    wanted = [(number, line) for number, line in lines if line and not line.startswith(COMMENT)]
    allowed = 'a prompt; of a table, the first line names the columns, one of them "prompt"'
    faults = [BatchFault.of(number, "", line, allowed) for number, line in wanted if "\t" in line]
    rows = collected([pair for pair in wanted if "\t" not in pair[1]])
    return Rows(rows.rows, faults + rows.faults)
