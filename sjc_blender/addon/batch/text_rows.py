# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of a batch, from text: a table, JSON, JSON Lines or a prompt a line. Knows no bpy."""

from __future__ import annotations

import re
from pathlib import PurePath

from .batch_fault import BatchFault
from .columns import canonical
from .json_rows import json_rows
from .rows import Rows, collected, lines_of
from .table_rows import table_rows

COMMENT = "#"

KINDS = {
    ".csv": "table",
    ".tsv": "table",
    ".tab": "table",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
}


def rows_of_text(text: str, name: str) -> Rows:
    """Read a file's or a Text block's rows.

    Parameters
    ----------
    name : str
        Its ending says what it is: ``.csv``, ``.tsv`` or ``.tab``, ``.json``, ``.jsonl`` or ``.ndjson``. Of another
        name: JSON if it begins as such, a table if its first line has a column ``prompt``, else a prompt a line, where
        ``#`` begins a remark.
    """
    text = text.removeprefix("\ufeff")
    suffix = PurePath(name).suffix.lower()
    kind = KINDS.get(suffix) or _kind(text)
    if kind == "table":
        return table_rows(text, tabs=suffix in {".tsv", ".tab"})
    return json_rows(text) if kind == "json" else _prompts(text)


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
