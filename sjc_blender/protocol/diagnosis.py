# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check of the engine finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    subject : str
        What it is, such as ``"Memory"``.
    text : str
        How it is.
    works : bool
        Whether that will do.
    fix : str
        If not: what to do.
    """

    subject: str
    text: str
    works: bool = True
    fix: str = ""

    def __str__(self) -> str:
        line = f"{'ok' if self.works else 'NO':3} {self.subject}: {self.text}"
        return f"{line}\n      {self.fix}" if self.fix else line


@dataclass(frozen=True)
class Diagnosis:
    """Everything that was looked at."""

    findings: tuple[Finding, ...]

    @property
    def works(self) -> bool:
        """Whether all of it will do."""
        return all(finding.works for finding in self.findings)

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings))
