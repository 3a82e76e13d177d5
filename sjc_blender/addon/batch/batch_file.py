# SPDX-License-Identifier: GPL-3.0-or-later
"""Decoding of a batch's file, whichever program saved it. Knows no bpy."""

from __future__ import annotations

import codecs
from pathlib import Path

from ...protocol.errors import SjcError
from ...protocol.outside_file import UnusableFile, read_outside

LARGEST = 16 * 2**20
"""Bytes; the text of a hundred thousand long prompts."""

ENDINGS = (".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".txt")
SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".fods", ".numbers", ".gsheet")

BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""UTF-32 first: the mark of UTF-16 begins the one of UTF-32."""

SAVE_AS = "Save it as CSV UTF-8 (in LibreOffice: Text CSV with the character set UTF-8)."


def read_batch_file(path: Path) -> str:
    """Read a file of rows: UTF-8, or UTF-16 or UTF-32 with its mark, as Excel's *Unicode Text*.

    Raises
    ------
    SjcError
        ``no_batch_file``, with the way out.
    """
    suffix = path.suffix.lower()
    if suffix in SPREADSHEETS:
        raise _refused(path, "is a spreadsheet's own file", SAVE_AS)
    if suffix and suffix not in ENDINGS:
        raise _refused(path, "is no list of jobs", f"Name a file that ends in {', '.join(ENDINGS)}.")
    try:
        content = read_outside(path, LARGEST)
    except UnusableFile as error:
        hint = (
            "Name a CSV, JSON, JSON-Lines or text file, or a Text block; prompts themselves go into a list: "
            '["a red chair"].'
        )
        raise _refused(path, f"{error}, and there is no Text block of that name", hint) from error
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise _refused(path, "is a spreadsheet's own file, whatever its name says", SAVE_AS)
    mark, encoding = next((pair for pair in BOMS if content.startswith(pair[0])), (b"", "utf-8"))
    try:
        return content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        where = f"line {line}" if encoding == "utf-8" else f"byte {error.start}"
        raise _refused(path, f"is not text in {encoding.upper()} ({where})", SAVE_AS) from error


def _refused(path: Path, trouble: str, hint: str) -> SjcError:
    return SjcError("no_batch_file", f"{path} {trouble}.", hint)
