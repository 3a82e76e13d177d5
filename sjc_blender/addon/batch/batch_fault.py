# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults of a batch's list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...protocol.errors import SjcError
from ...protocol.json_values import Plain, plain

SHOWN = 60
"""Characters shown of a value."""

LISTED = 100
"""Most faults listed in the message; a wrong delimiter gives one per cell."""


@dataclass(frozen=True)
class BatchFault:
    """One thing wrong with one cell.

    Attributes
    ----------
    row : int or None
        As a text editor counts the file's lines, the one in which it begins; in a list, from 1.
        None: it concerns every row, for the batch's own options say so.
    column : str
        Empty if it is the whole row.
    value : str
        What was found, as a programmer would write it; empty for nothing.
    allowed : str
        What the cell accepts, in words.
    found : str, int, float, bool or None
        `value` as it was found, for programs.
    """

    row: int | None
    column: str
    value: str
    allowed: str
    found: Plain = None

    @classmethod
    def of(cls, row: int | None, column: str, value: Any, allowed: str) -> BatchFault:
        """Return a fault with a long value shortened."""
        shown = "" if value is None else repr(value)
        return cls(row, column, shown if len(shown) <= SHOWN else shown[: SHOWN - 3] + "...", allowed, plain(value))

    def as_json(self) -> dict[str, Plain]:
        """Return the fault as JSON values."""
        return {"row": self.row, "column": self.column, "value": self.found, "allowed": self.allowed}

    def __str__(self) -> str:
        where = "every row" if self.row is None else f"row {self.row}"
        if self.column:
            where += f", column {self.column}"
        return f"{where}: {self.value or 'nothing'}; allowed: {self.allowed}"


class InvalidBatch(SjcError):
    """A list of jobs with faults; `faults` lists every one of them, in the order of the rows."""

    def __init__(self, faults: Sequence[BatchFault]) -> None:
        unique = dict.fromkeys(faults)
        self.faults = tuple(sorted(unique, key=lambda fault: (fault.row is not None, fault.row or 0)))
        lines = "\n".join(f"  - {fault}" for fault in self.faults[:LISTED])
        if len(self.faults) > LISTED:
            lines += f"\n  - and {len(self.faults) - LISTED} more"
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        super().__init__("invalid_batch", f"Nothing was started, the batch has {count}:\n{lines}")
