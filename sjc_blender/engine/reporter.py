"""Who is told what: the machine on stdout, the person in the terminal, the job folder always."""

from __future__ import annotations

import contextlib
import sys
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


def json_lines(stream: TextIO) -> Report:
    """A report for programs: one JSON object a line, flushed at once.

    A program that does not listen any more hinders nothing: the end of stdin stops the job, with a checkpoint.
    """

    def tell(event: events.Event) -> None:
        with contextlib.suppress(OSError):
            print(events.to_line(event), file=stream, flush=True)

    return tell


class TerminalReport:
    """A report for people: a progress bar with rate and ETA, and sentences."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._bar: tqdm[None] | None = None

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
        if self._bar is None:
            self._bar = tqdm(total=event.total, initial=event.step, file=self._stream, unit="step", dynamic_ncols=True)
        if event.sigma:
            self._bar.set_postfix(sigma=f"{event.sigma:.2f}", refresh=False)
        self._bar.update(event.step - self._bar.n)
        if event.step >= event.total:
            self._close_bar()

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


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
