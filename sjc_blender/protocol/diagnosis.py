# SPDX-License-Identifier: GPL-3.0-or-later
"""The findings of a check of the engine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes
    ----------
    subject : str
        What was checked, such as ``"Memory"``.
    text : str
        What was found.
    works : bool
        Whether that is good enough.
    fix : str
        What to do if it is not.
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
    """All findings."""

    findings: tuple[Finding, ...]

    @property
    def works(self) -> bool:
        """Whether every finding is good enough to work with."""
        return all(finding.works for finding in self.findings)

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings))
