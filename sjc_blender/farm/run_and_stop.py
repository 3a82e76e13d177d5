# SPDX-License-Identifier: GPL-3.0-or-later
"""``farm run`` and ``farm stop``: submitting job folders to a farm, and stopping them."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
from typing import TextIO

from ..protocol import events, farm_lines
from ..protocol.errors import SjcError
from ..protocol.exit_codes import EXIT_CANCELLED, EXIT_FAILED, EXIT_OK
from ..protocol.job_folder import JobFolder
from .connection import connection
from .job_unit import Outcome, State
from .submission import FarmJob, Submission, connected_client, farm_name, stop_jobs


def run_jobs(arguments: argparse.Namespace) -> int:
    """Run ``farm run``. Ctrl-C leaves the jobs to the farm; ``farm stop`` stops them."""
    folders = [JobFolder(path) for path in dict.fromkeys(path.absolute() for path in arguments.folders)]
    if not folders and not arguments.lines:
        raise SjcError("bad_usage", "No job folder is given.", "Name the folders of jobs, such as sjc_jobs/*.")
    stop = threading.Event()
    tell = _Lines() if arguments.lines else _People(arguments.json)
    submission = Submission(
        connection(arguments.scheduler, arguments.keys),
        folders,
        shared=not arguments.not_shared,
        priority=arguments.priority,
        tell=tell.event,
        ended=tell.ended,
        say=lambda sentence: _print(sentence, sys.stderr),
        patience=arguments.patience,
    )
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), lambda *_: stop.set())
    if arguments.lines:
        threading.Thread(target=_listen, args=(submission, stop), daemon=True).start()
    try:
        jobs = submission.run(stop.is_set, lambda: arguments.lines)
    except SjcError as error:
        for job in submission.jobs:
            if job.outcome is None:
                job.outcome = Outcome(State.FAILED, error.code, error.message, error.hint, computed=False)
                tell.ended(job)
        raise
    outcomes = [job.outcome for job in jobs]
    if len(jobs) < len(folders) or any(outcome is None or outcome.state is State.STOPPED for outcome in outcomes):
        return EXIT_CANCELLED
    done = all(outcome is not None and outcome.state is State.DONE for outcome in outcomes)
    return EXIT_OK if done else EXIT_FAILED


def stop(arguments: argparse.Namespace) -> int:
    """Run ``farm stop``."""
    client = connected_client(connection(arguments.scheduler, arguments.keys))
    try:
        stop_jobs(client, [farm_name(path) for path in arguments.folders])
    finally:
        client.close(timeout=2)
    return EXIT_OK


class _People:
    """Reports the state of each job, in sentences or as JSON."""

    def __init__(self, as_json: bool) -> None:
        self._json = as_json

    def event(self, job: FarmJob, event: events.Event) -> None:
        """Report changes other than progress."""
        if isinstance(event, (events.Phase, events.Warned)) and not self._json:
            text = event.name if isinstance(event, events.Phase) else event.message
            _print(f"{job.folder.path.name}: {text}", sys.stderr)

    def ended(self, job: FarmJob) -> None:
        """Report the end of a job."""
        outcome = job.outcome or Outcome(State.STOPPED)
        if self._json:
            told = {"folder": str(job.folder.path), "state": str(outcome.state), "computed": outcome.computed}
            if outcome.state is State.FAILED:
                told["error"] = {"code": outcome.code, "message": outcome.message, "hint": outcome.hint}
            _print(json.dumps(told, ensure_ascii=False), sys.stdout)
        else:
            words = f"{outcome.message} {outcome.hint}".strip()
            _print(f"{job.folder.path}: {outcome.state}{': ' + words if words else ''}", sys.stdout)


class _Lines:
    """Passes on the events of many jobs, as the engine's command ``run`` tells them of one."""

    def event(self, job: FarmJob, event: events.Event) -> None:
        """Pass on an event, except the end, which is reported when the result has arrived."""
        if not isinstance(event, (events.Result, events.Failed, events.Cancelled)):
            self._tell(job, event)

    def ended(self, job: FarmJob) -> None:
        """Report the end of a job."""
        outcome = job.outcome
        if outcome is None or outcome.state is State.STOPPED:
            self._tell(job, events.Cancelled(0))
        elif outcome.state is State.DONE:
            there = {name: path for name, path in job.folder.results.items() if job.folder.has(path)}
            self._tell(job, events.Result({name: job.folder.relative(path) for name, path in there.items()}))
        else:
            self._tell(job, events.Failed(outcome.code, outcome.message, outcome.hint))

    @staticmethod
    def _tell(job: FarmJob, event: events.Event) -> None:
        with contextlib.suppress(OSError):
            _print(farm_lines.to_line(job.folder.path, event), sys.stdout)


_PRINTING = threading.Lock()


def _print(line: str, stream: TextIO) -> None:
    """Print a line whole: events come in Dask's thread and ends in this one, and `print` writes a line in two parts."""
    with _PRINTING:
        print(line, file=stream, flush=True)


def _listen(submission: Submission, stop: threading.Event) -> None:
    """Take jobs and cancels; the end of standard input leaves the jobs to the farm, which goes on without Blender."""
    pending = b""
    while chunk := os.read(sys.stdin.fileno(), 1 << 16):
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            asked = farm_lines.command_in(line.decode("utf-8", "replace"))
            if asked is None:
                continue
            folder = JobFolder(asked.folder)
            if asked.command == farm_lines.RUN:
                submission.add(folder)
            else:
                submission.cancel(folder)
    stop.set()
