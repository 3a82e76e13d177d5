"""All findings of one run, as one file for machines and one for people."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .findings import Findings


@dataclass
class Measured:
    """A part that ran: its findings or why there are none, how long it took, and the machine's load meanwhile."""

    name: str
    device: str
    seconds: float
    load: list[list[float] | None]
    findings: Findings = field(default_factory=Findings)
    error: str = ""


@dataclass
class Report:
    """A run of the benchmark on a machine.

    Attributes
    ----------
    quick : bool
        Nothing but a trial of the benchmark itself: the figures mean nothing.
    reference : str
        What is known of the authors' code; empty: it was not measured.
    """

    machine: dict[str, Any]
    quick: bool
    reference: str = ""
    parts: list[Measured] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """All figures by name; those of a GPU begin with its kind."""
        figures: dict[str, float] = {}
        for part in self.parts:
            findings = part.findings if part.device == "cpu" else part.findings.prefixed(f"{part.device}_")
            figures |= findings.figures
        return figures

    def encoded(self) -> dict[str, Any]:
        """As ``bench.json`` has it: figures at the top, then what they are figures of."""
        parts = {
            f"{part.name} ({part.device})": {
                "seconds": part.seconds,
                "load_before": part.load[0],
                "load_after": part.load[1],
                "tables": part.findings.encoded()["tables"],
                **({"error": part.error} if part.error else {}),
            }
            for part in self.parts
        }
        about = {"quick": self.quick, "reference": self.reference or None, "machine": self.machine}
        return self.figures() | about | {"parts": parts}

    def markdown(self) -> str:
        """The tables."""
        machine = self.machine
        lines = [
            f"Measured on {machine['processor']}, {machine['cores']} cores, {machine['gpu'] or 'no GPU'}; "
            f"{machine['platform']}, torch {machine['torch']}.",
        ]
        if self.parts:
            first, last = self.parts[0].load[0], self.parts[-1].load[1]
            lines.append(f"Load of the machine (1, 5, 15 minutes): {_spoken(first)} before, {_spoken(last)} after.")
        lines.append(f"The authors' code: {self.reference}." if self.reference else "The authors' code: not measured.")
        if self.quick:
            lines.append("**A quick trial of the benchmark: the figures mean nothing.**")
        sections = ["\n".join(lines) + "\n"]
        for part in self.parts:
            sections += [table.markdown() for table in part.findings.tables]
            if part.error:
                sections.append(f"### {part.name} ({part.device})\n\nIt failed:\n\n```\n{part.error}\n```\n")
        return "\n".join(sections)

    def write(self, json_path: Path) -> Path:
        """Write both files, the second beside the first; give the second one's path."""
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps(self.encoded(), indent=2) + "\n", encoding="utf-8")
        readable = json_path.with_suffix(".md")
        readable.write_text(self.markdown(), encoding="utf-8")
        return readable


def _spoken(load: list[float] | None) -> str:
    return ", ".join(f"{value:.1f}" for value in load) if load else "unknown"
