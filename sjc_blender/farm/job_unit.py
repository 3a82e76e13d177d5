# SPDX-License-Identifier: GPL-3.0-or-later
"""One unit of work: a job folder, run by the engine in a child process. Knows nothing of any scheduler."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ..protocol import events
from ..protocol.errors import SjcError
from ..protocol.job_folder import JobFolder, wanted_outputs

STAND_IN = "SJC_FARM_ENGINE"
"""Environment variable: a JSON list, the beginning of another program's command line, for tests of a farm itself."""

STOP_SECONDS = 120.0
"""Seconds to finish the current step, or the loading of a model, before the process is killed."""

POLL_SECONDS = 0.2


class State(StrEnum):
    """How a unit of work ended."""

    DONE = "done"
    STOPPED = "stopped"
    BUSY = "busy"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """How a unit of work ended.

    Attributes
    ----------
    state : State
        ``BUSY``: another engine works in the folder.
    code, message, hint : str
        The error of a job that failed.
    computed : bool
        Whether an engine ran; False where the result was there already.
    """

    state: State
    code: str = ""
    message: str = ""
    hint: str = ""
    computed: bool = True


def engine_command() -> list[str]:
    """Return the engine's command line for programs: events on its standard output, commands on its standard input."""
    stand_in = os.environ.get(STAND_IN)
    if stand_in:
        return [str(part) for part in json.loads(stand_in)]
    return [sys.executable, "-u", "-X", "utf8", "-m", "sjc_blender.engine", "run"]


def run_unit(
    folder: JobFolder,
    tell: Callable[[events.Event], None],
    stop: Callable[[], bool],
) -> Outcome:
    """Make the result of the job in `folder`, unless it is there; a job that was begun goes on from its checkpoint.

    Parameters
    ----------
    tell : callable
        Told every event of the engine.
    stop : callable
        Asked several times a second; True stops the engine after its current step, with a checkpoint.
    """
    try:
        outputs = wanted_outputs(folder.read_spec())
        if folder.is_done(outputs):
            return Outcome(State.DONE, computed=False)
    except SjcError as error:
        return Outcome(State.FAILED, error.code, error.message, error.hint, computed=False)
    try:
        with folder.append(folder.log_path) as log:
            process = subprocess.Popen(
                [*engine_command(), str(folder.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )
    except SjcError as error:
        return Outcome(State.FAILED, error.code, error.message, error.hint)
    except OSError as error:
        return Outcome(State.FAILED, "engine_not_started", f"The engine could not be started: {error}.")
    with process:
        last = _attend(process, tell, stop)
    if isinstance(last, events.Result):
        return Outcome(State.DONE)
    if isinstance(last, events.Failed):
        state = State.BUSY if last.code == "engine_busy" else State.FAILED
        return Outcome(state, last.code, last.message, last.hint)
    if isinstance(last, events.Cancelled):
        return Outcome(State.STOPPED)
    return Outcome(
        State.FAILED,
        "engine_died",
        f"The engine ended with code {process.returncode} before the job in {folder.path} was done.",
        f"{folder.log_path} has what it said; its last checkpoint is kept.",
    )


def _attend(
    process: subprocess.Popen[bytes], tell: Callable[[events.Event], None], stop: Callable[[], bool]
) -> events.Event | None:
    """Pass on what the engine tells until it ends; return the event that told how the job ended."""
    assert process.stdout is not None and process.stdin is not None
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def read(stream: object = process.stdout) -> None:
        for line in stream:  # type: ignore[attr-defined]
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, name="SJC unit", daemon=True).start()
    ending: events.Event | None = None
    asked: float | None = None
    while True:
        try:
            line = lines.get(timeout=POLL_SECONDS)
        except queue.Empty:
            line = b""
        if line is None:
            return ending
        event = events.from_line(line.decode("utf-8", "replace")) if line else None
        if event is not None:
            tell(event)
            if isinstance(event, (events.Result, events.Failed, events.Cancelled)):
                ending = event
        if asked is None and stop():
            asked = time.monotonic()
            with contextlib.suppress(OSError):
                process.stdin.write(events.CANCEL.encode() + b"\n")
                process.stdin.close()
        elif asked is not None and time.monotonic() - asked > STOP_SECONDS:
            process.kill()
