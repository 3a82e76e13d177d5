# SPDX-License-Identifier: GPL-3.0-or-later
"""A job's progress in a terminal or a log."""

from __future__ import annotations

from typing import TextIO

from ...protocol import events
from ...protocol.amounts import duration
from ..printed import put
from .job import Job

LINES = 20
"""Number of lines in a log over the whole run."""

WIDTH = 78


class ProgressLines:
    """Prints phases, progress with ETA, and warnings.

    Parameters
    ----------
    stream : text file
        On a terminal one line is written over again; elsewhere a line is added every 5 %.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._phase = ""
        self._progress: events.Progress | None = None
        self._told = -1
        self._warnings = 0
        self._open = False

    def __call__(self, job: Job) -> None:
        """Print what has changed."""
        for warning in job.warnings[self._warnings :]:
            self._line(f"Warning: {warning}")
        self._warnings = len(job.warnings)
        if job.phase != self._phase:
            self._phase = job.phase
            self._line(job.phase.capitalize())
        if job.progress is not None and job.progress != self._progress:
            self._progress = job.progress
            self._count(job.progress)

    def close(self) -> None:
        """End an unfinished line."""
        if self._open:
            put("", self._stream)
            self._open = False

    def _count(self, progress: events.Progress) -> None:
        text = (
            f"  step {progress.step}/{progress.total}  {progress.step / progress.total:4.0%}  "
            f"{progress.steps_per_second:.1f} steps/s  {duration(progress.eta_seconds)} left"
        )
        if self._terminal:
            put("\r" + text.ljust(WIDTH), self._stream, end="")
            self._open = True
            return
        reached = progress.step * LINES // progress.total
        if reached > self._told:
            self._told = reached
            put(text, self._stream)

    def _line(self, text: str) -> None:
        self.close()
        put(text, self._stream)
