# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of a batch from a table: CSV, or tabs, as spreadsheets and programs of any country write it. Knows no bpy."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence

from .batch_fault import BatchFault
from .columns import canonical, is_column, unknown_column
from .rows import MOST, PLENTY, WIDEST, Row, Rows, lines_of, row_of, too_many, too_wide

DELIMITERS = ",;\t"
"""Delimiters; spreadsheets use that of their locale."""

SEPARATOR_LINE = re.compile(r'"?sep=([,;\t|])"?[,;\t| ]*', re.IGNORECASE)
"""Excel's own first line, which names the delimiter."""

INDEX = re.compile(r"(unnamed:_[0-9]+)?")
"""Header of pandas's row numbers once they were read and written again; it is empty at first."""


def table_rows(text: str, *, tabs: bool = False) -> Rows:
    """Read a table whose first line names the columns.

    Rows are counted as a text editor counts the lines in which they begin.

    Parameters
    ----------
    tabs : bool
        The file's name says that tabs separate its cells.
    """
    if "\0" in text:
        line = lines_of(text[: text.index("\0")])
        allowed = "text, without the character U+0000; save the table as CSV UTF-8"
        return Rows([], [BatchFault.of(len(line), "", line[-1] + "\0", allowed)])
    named = SEPARATOR_LINE.fullmatch(lines_of(text)[0])
    delimiter = named[1] if named else _delimiter(text, tabs)
    records = _records(text, delimiter)
    rows: list[Row] = []
    faults: list[BatchFault] = []
    try:
        if named:
            next(records)
        header_line, header = next(records, (1, []))
        if len(header) > WIDEST:
            return Rows([], [too_wide(header_line, len(header))])
        columns, nameless = _columns(header_line, header, faults)
        for number, cells in records:
            if len(faults) > PLENTY:
                break
            if len(rows) == MOST:
                faults.append(too_many(MOST + 1))
                break
            row = _row(number, cells, columns, nameless, len(header), delimiter, faults)
            rows += [row] if row is not None else []
    except _Broken as error:
        allowed = (
            f"cells between {delimiter!r}; one with quotes in it stands in quotes, with its own doubled, and ends "
            "with them; nothing after this row could be read"
        )
        faults.append(BatchFault.of(error.line, "", error.reason, allowed))
    return Rows(rows, faults)


class _Broken(Exception):
    """Raised for an unreadable record, with the line in which it begins."""

    def __init__(self, line: int, reason: str) -> None:
        self.line, self.reason = line, reason


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record that is not blank, and the line in which it begins."""
    # Not split before: only the reader knows which line ends stand between quotes.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _Broken(number, str(error)) from error
        if any(map(str.strip, cells)):
            yield number, cells


def _delimiter(text: str, tabs: bool) -> str:
    """Return the delimiter with which the first record has most known columns, then most cells."""

    def known(delimiter: str) -> tuple[int, int]:
        try:
            _, header = next(_records(text, delimiter), (1, []))
        except _Broken:
            return 0, 0
        return sum(is_column(canonical(name)) for name in header), len(header)

    return max("\t,;" if tabs else DELIMITERS, key=known)


def _columns(number: int, header: Sequence[str], faults: list[BatchFault]) -> tuple[dict[int, str], set[int]]:
    """Return the names of the usable columns by index, and the indices of those without a name."""
    names = [canonical(name) for name in header]
    columns: dict[int, str] = {}
    nameless: set[int] = set()
    for index, name in enumerate(names):
        if INDEX.fullmatch(name):
            nameless.add(index)
        elif not is_column(name):
            faults.append(unknown_column(number, name))
        elif names.index(name) != index:
            faults.append(BatchFault.of(number, name, header[index], "each column once"))
        else:
            columns[index] = name
    return columns, nameless


def _row(
    number: int,
    cells: Sequence[str],
    columns: dict[int, str],
    nameless: set[int],
    width: int,
    delimiter: str,
    faults: list[BatchFault],
) -> Row | None:
    extra = [text for text in cells[width:] if text.strip()]
    if extra:
        allowed = f"{width} cells, as the first row has columns (text with a {delimiter!r} in it needs quotes)"
        faults.append(BatchFault.of(number, "", delimiter.join(extra), allowed))
        return None  # its cells may all stand under the wrong column
    for index in sorted(nameless & set(range(len(cells)))):
        if not re.fullmatch(r"[0-9]*", cells[index].strip()):
            allowed = f"nothing, for column {index + 1} has no name in the first row"
            faults.append(BatchFault.of(number, "", cells[index], allowed))
    named = [(columns[index], text) for index, text in enumerate(cells) if index in columns and text.strip()]
    return row_of(number, named, faults, "," if delimiter == ";" else ".")
