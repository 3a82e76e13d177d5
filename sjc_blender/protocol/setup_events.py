# SPDX-License-Identifier: GPL-3.0-or-later
"""Events of the set-up of the engine's environment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """Progress of the set-up.

    Attributes
    ----------
    number, count : int
        Stage, counted from 1, and how many there are.
    name : str
        What is being done.
    detail : str
        What exactly; may be empty.
    done, total : int
        Bytes on disk, and about how many they will be; 0 where that is not known.
    """

    number: int
    count: int
    name: str
    detail: str = ""
    done: int = 0
    total: int = 0

    @property
    def fraction(self) -> float:
        """Share of the whole, 0 to 1: the packages take nearly all of the time."""
        weights = [1.0] * self.count
        if self.count > 1:
            weights[self.count - 2] = 10.0
        before = sum(weights[: self.number - 1])
        within = weights[self.number - 1] * (self.done / self.total if self.total else 0.0)
        return (before + within) / sum(weights)
