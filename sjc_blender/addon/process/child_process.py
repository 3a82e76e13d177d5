# SPDX-License-Identifier: GPL-3.0-or-later
"""One child process, with events from it and commands to it; nothing here blocks.

The child notices the end of its standard input, so that it stops when Blender ends in any way. A reader thread takes
its output; it touches neither Blender nor the job.
"""

from __future__ import annotations

import contextlib
import queue
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Self

from ...protocol import events
from ...protocol.atomic_write import file_error
from ...protocol.errors import SjcError
from ...protocol.plain_files import append_plain, read_tail
from . import platform_process

ISOLATED = ("-I", "-u", "-X", "utf8")
"""Python options: nothing of the user's Python settings, unbuffered, UTF-8 on every platform."""

LONGEST_LINE = 1 << 20
DRAIN_SECONDS = 0.5
"""Seconds to wait for output after the child's end, if a child of its own keeps the pipe open."""

LAST_WORDS_BYTES = 4096


def child_environment(environ: Mapping[str, str], *, online: bool) -> dict[str, str]:
    """Return the environment variables for a Python outside Blender.

    Parameters
    ----------
    environ : mapping
        Blender's own environment.
    online : bool
        Whether the user lets Blender use the network.
    """
    environment = {name: value for name, value in environ.items() if not name.upper().startswith("PYTHON")}
    # The engine's Python is told by options; these are for the programs that it starts.
    environment["PYTHONNOUSERSITE"] = "1"
    environment["PYTHONUNBUFFERED"] = "1"
    # Spinning OpenMP threads would take the cores from Blender's viewport.
    environment["OMP_WAIT_POLICY"] = "passive"
    if not online:
        environment["HF_HUB_OFFLINE"] = "1"
    return environment


class ChildProcess:
    """A running child; made by `run`.

    Parameters
    ----------
    process : subprocess.Popen
        With pipes at its standard input and output.
    log : binary file
        Unbuffered, open for appending, also the child's standard error.
    log_start : int
        Where its part of the log begins.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: BinaryIO, log_path: Path, log_start: int) -> None:
        self._process = process
        self._log = log
        self._log_path = log_path
        self._log_start = log_start
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._deadline: float | None = None
        self._seen_ended: float | None = None
        self.left = False
        self.out_of_time = False
        """Whether `supervise` ended it."""
        self._reader = threading.Thread(target=self._read, name="SJC reader", daemon=True)
        self._reader.start()

    @classmethod
    def run(cls, command: Sequence[str], log_path: Path, environment: Mapping[str, str]) -> Self:
        """Run `command`.

        Parameters
        ----------
        command : sequence of str
            A program that tells `events` on its standard output and ends when its standard input does.
        log_path : Path
            Is added to.
        environment : mapping
            See `child_environment`.

        Raises
        ------
        SjcError
            As in `atomic_write.file_error` if the log cannot be written; ``not_a_plain_file``.
        OSError, ValueError
            If the program cannot be started.
        """
        try:
            log = append_plain(log_path.parent, log_path)
        except OSError as error:
            raise file_error(error, log_path) from error
        # Before the child writes: it shares this place in the file.
        log_start = log.tell()
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                **platform_process.worker_options(),
            )
        except (OSError, ValueError):
            log.close()
            raise
        platform_process.give_way(process.pid)
        return cls(process, log, log_path, log_start)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def return_code(self) -> int | None:
        """Exit code; None while it runs, negative where a signal ended it."""
        return self._process.poll()

    @property
    def ended(self) -> bool:
        """Whether the child has ended and all its output is in `events`."""
        if self.return_code is None:
            return False
        if self._seen_ended is None:
            self._seen_ended = time.monotonic()
        return not self._reader.is_alive() or time.monotonic() - self._seen_ended > DRAIN_SECONDS

    def advance(self) -> tuple[list[Any], bool]:
        """Return `events`, and whether the child has `ended`; called repeatedly, as `supervise`."""
        ended = self.ended  # first: only those of an ended child are complete
        if not ended:
            self.supervise()
        return self.events(), ended

    def events(self) -> list[Any]:
        """Return the events since the last call, as `parse` gives them."""
        told = []
        with contextlib.suppress(queue.Empty):
            while True:
                told.append(self._events.get_nowait())
        return told

    def cancel(self, grace: float) -> None:
        """Ask the child to stop after its current step; `supervise` ends it `grace` seconds from now."""
        self.say(events.CANCEL)
        # Its input stays open: the end of it means that Blender is gone.
        self.end_within(grace)

    def say(self, command: str) -> None:
        """Send one of the commands of `sjc_blender.protocol.events`."""
        stdin = self._process.stdin
        assert stdin is not None
        # A child that is gone has no open pipe.
        with contextlib.suppress(OSError, ValueError):
            stdin.write(command.encode() + b"\n")
            stdin.flush()

    def end_within(self, grace: float) -> None:
        """Let `supervise` end the child, and its children, `grace` seconds from now at the latest."""
        deadline = time.monotonic() + grace
        self._deadline = deadline if self._deadline is None else min(self._deadline, deadline)

    def supervise(self) -> None:
        """Kill the child if its time is over; called repeatedly."""
        if self._deadline is not None and time.monotonic() >= self._deadline and self.return_code is None:
            self.out_of_time = True
            platform_process.kill_tree(self.pid)

    def close(self) -> None:
        """Close an ended child's files, and kill processes that it left behind."""
        platform_process.kill_leftovers(self.pid)
        for pipe in (self._process.stdin, self._log):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def leave(self) -> None:
        """Close the child's standard input, as the end of Blender does."""
        self.left = True
        stdin = self._process.stdin
        assert stdin is not None
        with contextlib.suppress(OSError):
            stdin.close()

    @staticmethod
    def parse(line: str) -> Any:
        """Parse a line of the child's output; None for one that belongs in the log."""
        return events.from_line(line)

    def last_words(self, lines: int = 5) -> list[str]:
        """Return the last lines that this run wrote to the log."""
        try:
            end = read_tail(self._log_path.parent, self._log_path, LAST_WORDS_BYTES, since=self._log_start)
        except (OSError, SjcError):
            return []
        return [line.rstrip() for line in end.decode("utf-8", "replace").splitlines() if line.strip()][-lines:]

    def told_end(self, before: str) -> str:
        """Return a sentence on how the engine ended, `before` what it should have come to, and its last output."""
        code = self.return_code
        assert code is not None
        message = f"The engine ended {platform_process.ending(code)} before {before}."
        words = self.last_words()
        return message + (" Its last output was:" + "".join(f"\n  {line}" for line in words) if words else "")

    def _read(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        with stdout:
            while line := stdout.readline(LONGEST_LINE):
                event = self.parse(line.decode("utf-8", "replace"))
                if event is not None:
                    self._events.put(event)
                    continue
                # The same open file as the child's: Windows keeps a place of its own for every other one.
                with contextlib.suppress(OSError, ValueError):
                    self._log.write(line)
