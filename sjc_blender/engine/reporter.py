# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of events: JSON lines for programs, progress for people, and a record in the job folder."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TextIO

from tqdm import tqdm

from ..protocol import events
from ..protocol.amounts import duration, gigabytes
from ..protocol.job_folder import JobFolder

Report = Callable[[events.Event], None]
"""Takes one event."""


def recorded(folder: JobFolder, report: Report) -> Report:
    """A report that also keeps every event in the job folder."""

    def tell(event: events.Event) -> None:
        folder.append_event(event)
        report(event)

    return tell


MOST_WAITING = 1000
"""Most lines in the queue to a program; beyond it only the newest progress is kept."""

CLOSING_SECONDS = 2.0
"""Seconds for the remaining lines once the job is to stop."""


class JsonLines:
    """A report for programs: one JSON object a line, written at once by a thread of its own.

    A program that does not read for a while hinders nothing: the job goes on, and hears a cancel. Neither does one that
    is gone: the end of stdin stops the job, with a checkpoint.

    Parameters
    ----------
    stream : text file
        To which nobody else writes.
    """

    def __init__(self, stream: TextIO) -> None:
        # By its descriptor: a thread that waits inside a buffered stream aborts the interpreter when that ends.
        self._handle = stream.fileno()
        self._waiting: deque[events.Event] = deque()
        self._changed = threading.Condition()
        self._busy = False
        threading.Thread(target=self._write, name="SJC events", daemon=True).start()

    def __call__(self, event: events.Event) -> None:
        """Take one event; returns at once."""
        with self._changed:
            progress = isinstance(event, events.Progress)
            if progress and len(self._waiting) > MOST_WAITING and isinstance(self._waiting[-1], events.Progress):
                self._waiting.pop()
            self._waiting.append(event)
            self._changed.notify_all()

    def close(self, stopped: Callable[[], bool]) -> None:
        """Wait until everything is written; after `stopped` at most `CLOSING_SECONDS`."""
        end: float | None = None
        with self._changed:
            while (self._waiting or self._busy) and (end is None or time.monotonic() < end):
                self._changed.wait(0.05)
                if end is None and stopped():
                    end = time.monotonic() + CLOSING_SECONDS

    def _write(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: bool(self._waiting))
                line = events.to_line(self._waiting.popleft()).encode() + b"\n"
                self._busy = True
            with contextlib.suppress(OSError):
                while line:
                    line = line[os.write(self._handle, line) :]


PLAIN_SECONDS = 5.0
"""Seconds between two lines of progress where there is no terminal: in a log, or on a node."""


class TerminalReport:
    """A report for people: a progress bar with rate and ETA, or plain lines in a log, and sentences."""

    def __init__(self) -> None:
        self._stream = sys.stderr
        self._bar: tqdm[None] | None = None
        self._told = -PLAIN_SECONDS

    def __call__(self, event: events.Event) -> None:
        """Show one event."""
        if isinstance(event, events.Progress):
            self._progress(event)
            return
        if isinstance(event, (events.Preview, events.LiveField, events.CheckpointSaved)):
            return
        self._close_bar()
        print(_sentence(event), file=self._stream, flush=True)

    def _progress(self, event: events.Progress) -> None:
        if not self._stream.isatty():
            self._plain_progress(event)
            return
        if self._bar is None:
            self._bar = tqdm(total=event.total, initial=event.step, file=self._stream, unit="step", dynamic_ncols=True)
        if event.sigma:
            self._bar.set_postfix(sigma=f"{event.sigma:.2f}", refresh=False)
        self._bar.update(event.step - self._bar.n)
        if event.step >= event.total:
            self._close_bar()

    def _plain_progress(self, event: events.Progress) -> None:
        now = time.monotonic()
        if now - self._told >= PLAIN_SECONDS or event.step >= event.total:
            self._told = now
            left = f", {duration(event.eta_seconds)} left" if event.eta_seconds else ""
            line = f"Step {event.step}/{event.total}, {event.steps_per_second:.2f} steps/s{left}"
            print(line, file=self._stream, flush=True)

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def open_job_lines(stream: TextIO) -> Report:
    """A report for Open Job Description's workers, which read progress, status and failure from standard output.

    See https://github.com/OpenJobDescription/openjd-specifications/wiki/How-Jobs-Are-Run.
    """

    def tell(event: events.Event) -> None:
        match event:
            case events.Progress(step, total):
                print(f"openjd_progress: {100 * step / max(total, 1):.1f}", file=stream, flush=True)
            case events.Phase(name):
                print(f"openjd_status: {name}", file=stream, flush=True)
            case events.Failed(_, message, hint):
                print("openjd_fail: " + " ".join(f"{message} {hint}".split()), file=stream, flush=True)

    return tell


def both(first: Report, second: Report) -> Report:
    """Return a report that passes events to both."""

    def tell(event: events.Event) -> None:
        first(event)
        second(event)

    return tell


def _sentence(event: events.Event) -> str:
    match event:
        case events.Phase(name):
            return name.capitalize()
        case events.Forecast(memory, graphics, disk, seconds):
            where = f"{gigabytes(graphics)} of graphics memory, " if graphics else ""
            needs = f"{where}{gigabytes(memory)} of memory and {gigabytes(disk)} of the disk"
            return f"About {duration(seconds)} to the result" if seconds else f"Needs about {needs}"
        case events.Warned(message):
            return f"Warning: {message}"
        case events.Cancelled(step):
            return f"Cancelled after step {step}; the checkpoint is kept, run the same command again to go on."
        case events.Failed(_, message, hint):
            return f"Error: {message} {hint}".rstrip()
        case events.Result(files):
            return "Done: " + ", ".join(files.values())
    return ""
