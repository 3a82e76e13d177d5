"""Rows of a batch: from a list, or from text as CSV, JSON Lines or a prompt a line. Knows no bpy."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from .batch_fault import BatchFault
from .columns import cell, flattened, unknown_column

DELIMITERS = ",;\t"
"""A spreadsheet writes the one of its country."""

COMMENT = "#"


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
    return _collected([(number, entry) for number, entry in enumerate(entries, 1)])


def rows_of_text(text: str, name: str) -> Rows:
    """Read a file's or a Text block's rows.

    Parameters
    ----------
    text : str
    name : str
        Its ending says what it is: ``.csv`` or ``.tsv``, ``.jsonl`` or ``.ndjson``, ``.txt``.
        Of another name: JSON Lines if it begins with ``{``, CSV if its first line has a column
        ``prompt``, else a prompt a line, where ``#`` begins a remark.
    """
    text = text.removeprefix("\ufeff")
    kind = _kind(text, PurePath(name).suffix.lower())
    return {"csv": _csv, "jsonl": _json_lines, "txt": _prompts}[kind](text)


def _kind(text: str, suffix: str) -> str:
    named = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".txt": "txt"}.get(suffix)
    if named is not None:
        return named
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    if first.startswith("{"):
        return "jsonl"
    header = [name.strip().strip('"').lower() for name in re.split(f"[{DELIMITERS}]", first)]
    return "csv" if "prompt" in header else "txt"


def _csv(text: str) -> Rows:
    header = text.split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=header.count)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, skipinitialspace=True)
    columns = [name.strip() for name in next(reader, [])]
    known = [name for name in columns if name]
    faults = [fault for name in known if (fault := unknown_column(1, name))]
    doubled = sorted({name for name in known if known.count(name) > 1})
    faults += [BatchFault.of(1, name, "twice", "each column once") for name in doubled]
    unusable = {fault.column for fault in faults}
    rows = []
    for cells in reader:
        number = reader.line_num
        if not any(text.strip() for text in cells):
            continue
        extra = [text for text in cells[len(columns) :] if text.strip()]
        if extra:
            allowed = (
                f"{len(columns)} cells, as the first row has columns (text with a {delimiter!r} in it needs quotes)"
            )
            faults.append(BatchFault.of(number, "", delimiter.join(extra), allowed))
        named = {name: text for name, text in zip(columns, cells, strict=False) if name and name not in unusable}
        rows.append(Row(number, {name: cell(name, text) for name, text in named.items() if text.strip()}))
    return Rows(rows, faults)


def _json_lines(text: str) -> Rows:
    entries, faults = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            entries.append((number, json.loads(line)))
        except (ValueError, RecursionError) as error:
            faults.append(BatchFault.of(number, "", line, f"one JSON object a line ({error})"))
    collected = _collected(entries)
    return Rows(collected.rows, faults + collected.faults)


def _prompts(text: str) -> Rows:
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    return _collected([(number, line) for number, line in lines if line and not line.startswith(COMMENT)])


def _collected(entries: Sequence[tuple[int, Any]]) -> Rows:
    rows: list[Row] = []
    faults: list[BatchFault] = []
    for number, entry in entries:
        if isinstance(entry, str):
            rows.append(Row(number, {"prompt": entry}))
        elif isinstance(entry, Mapping):
            values = flattened(entry)
            unknown = {name: fault for name in values if (fault := unknown_column(number, name))}
            faults += unknown.values()
            kept = {name: value for name, value in values.items() if name not in unknown and value is not None}
            rows.append(Row(number, kept))
        else:
            faults.append(BatchFault.of(number, "", entry, "a prompt, or columns with their values"))
    return Rows(rows, faults)
