# SPDX-License-Identifier: GPL-3.0-or-later
"""Estimate of a job's time from its first steps. Needs no torch."""

from __future__ import annotations

import statistics

PROBE_STEPS = 20
WARM_UP = 2
"""First steps that are not counted: libraries tune themselves and memory is allocated."""

PROBE_SECONDS = 10.0
"""Seconds after which fewer slow steps are enough."""

RESULT_SECONDS = 6.0
"""Colours, surface, turntable and video of a result, beside the views that are decoded; measured on one core."""


class StepProbe:
    """The first steps of a run, timed.

    Parameters
    ----------
    steps : int
        Steps that the run has.

    Attributes
    ----------
    ready : bool
        Whether enough of them are known.
    """

    def __init__(self, steps: int) -> None:
        self._wanted = min(PROBE_STEPS, steps)
        self._seconds: list[float] = []
        self.ready = False

    def took(self, seconds: float) -> bool:
        """Record a step; return True once, when enough of them are known."""
        if self.ready:
            return False
        self._seconds.append(seconds)
        slow = len(self._seconds) > WARM_UP and sum(self._seconds) >= PROBE_SECONDS
        self.ready = slow or len(self._seconds) == self._wanted
        return self.ready

    @property
    def step_seconds(self) -> float:
        """A step's time: the median, which no single slow one moves."""
        return statistics.median(self._seconds[WARM_UP:] or self._seconds)


def run_seconds(step_seconds: float, steps: int, preview_seconds: float, previews: int, colour_views: int) -> float:
    """Time of `steps` steps with their previews, and of the result."""
    return steps * step_seconds + (previews + colour_views) * preview_seconds + RESULT_SECONDS
