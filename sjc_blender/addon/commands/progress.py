# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress of a subcommand on stderr: lines for people, or with ``--progress json`` one object per line."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Protocol, TextIO

from ...protocol import events
from ...protocol.json_values import json_value
from ..jobs.job import Job
from ..jobs.progress_lines import ProgressLines
from ..printed import put

FORMS = ("text", "json")


class JobProgress(Protocol):
    """Called with a job after every change of it."""

    def __call__(self, job: Job) -> None:
        """Report what has changed."""

    def close(self) -> None:
        """End unfinished output."""


class Progress:
    """The progress output of a subcommand.

    Parameters
    ----------
    arguments : argparse.Namespace
        With `progress`, one of `FORMS`.
    stream : text file, optional
    """

    def __init__(self, arguments: argparse.Namespace, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._as_json = arguments.progress == "json"

    def say(self, text: str, event: str, **facts: Any) -> None:
        """Report one event: `text` for a person, `event` with its facts for a program."""
        put(_line(event, facts) if self._as_json else text, self._stream)

    def of_job(self, **about: Any) -> JobProgress:
        """Return the reporter of one job; `about` identifies it for programs if there are several."""
        return _JobEvents(self._stream, about) if self._as_json else ProgressLines(self._stream)


class _JobEvents:
    """Reports phases, progress, warnings and the end of a job as JSON."""

    def __init__(self, stream: TextIO, about: dict[str, Any]) -> None:
        self._stream = stream
        self._about = about
        self._phase = ""
        self._progress: events.Progress | None = None
        self._warnings = 0
        self._ended = False

    def __call__(self, job: Job) -> None:
        for warning in job.warnings[self._warnings :]:
            self._tell("warning", message=warning)
        self._warnings = len(job.warnings)
        if job.phase != self._phase:
            self._phase = job.phase
            self._tell("phase", name=job.phase)
        progress = job.progress
        if progress is not None and progress != self._progress:
            self._progress = progress
            rate, left = progress.steps_per_second, progress.eta_seconds
            self._tell("progress", step=progress.step, total=progress.total, steps_per_second=rate, eta_seconds=left)
        if not job.live and not self._ended:
            self._ended = True
            error = {} if job.error is None else {"error": {"code": job.error.code, "message": job.error.message}}
            self._tell("ended", state=str(job.state), folder=str(job.folder.path), **error)

    def close(self) -> None:
        """Do nothing: every line is complete."""

    def _tell(self, event: str, **facts: Any) -> None:
        put(_line(event, self._about | facts), self._stream)


def _line(event: str, facts: dict[str, Any]) -> str:
    # In ASCII: whatever the terminal's encoding is, and whatever a reader takes for the end of a line.
    return json.dumps({"event": event} | json_value(facts))
