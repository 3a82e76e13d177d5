"""What a part of the benchmark found: figures by name, and tables to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

Cell = str | float


@dataclass(frozen=True)
class Table:
    """Rows to read; a number is shown with three significant digits."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""

    def markdown(self) -> str:
        """The table as GitHub shows it."""
        lines = [self.columns, ["---"] * len(self.columns), *[[shown(cell) for cell in row] for row in self.rows]]
        text = f"### {self.title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
        return f"{text}\n{self.note}\n" if self.note else text


@dataclass
class Findings:
    """Figures of one part by their names in ``bench.json``, and its tables."""

    figures: dict[str, float] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)

    def prefixed(self, prefix: str) -> Findings:
        """The same with a word before each name of a figure."""
        return Findings({prefix + name: value for name, value in self.figures.items()}, self.tables)

    def encoded(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @classmethod
    def decoded(cls, data: Mapping[str, Any]) -> Findings:
        """The inverse of `encoded`."""
        return cls(dict(data["figures"]), [Table(**table) for table in data["tables"]])


def ratio(slower: Sequence[float], faster: Sequence[float]) -> float:
    """How many times the median of the second goes into that of the first."""
    return median(slower) / median(faster)


def shown(cell: Cell) -> str:
    """A cell as text."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) or abs(cell) >= 100:
        return f"{cell:,.0f}"
    return f"{cell:#.3g}".rstrip(".")
