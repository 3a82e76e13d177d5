# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a program of the set-up with its output line by line; a stop kills it at once."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..process import platform_process

POLL_SECONDS = 0.1


class Stopped(Exception):
    """Raised when the user cancels the set-up, or Blender has ended."""


class ProgramFailed(Exception):
    """A program failed; `output` is all its output."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        self.output = output


def run_program(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    stopped: Callable[[], bool],
    heard: Callable[[str], None] = lambda _line: None,
) -> str:
    """Run `command` to its end; return its output.

    Parameters
    ----------
    command : sequence of str
    environment : mapping
        Its environment variables.
    folder : Path
        Its working directory.
    stopped : callable
        Polled several times a second; True kills the program.
    heard : callable
        Takes each line.

    Raises
    ------
    Stopped
    ProgramFailed
    """
    # In the group of this process, so that whoever ends this process ends that one too.
    options = platform_process.same_group_options()
    _log(f"$ {subprocess.list2cmdline(command)}")
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=folder,
            text=True,
            encoding="utf-8",
            errors="replace",
            **options,
        )
    except OSError as error:
        raise ProgramFailed(f"{command[0]}: {error}") from error
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    output = []
    while True:
        try:
            line = lines.get(timeout=POLL_SECONDS)
        except queue.Empty:
            line = ""
        if stopped():
            platform_process.kill_child(process)
            process.wait()
            raise Stopped
        if line is None:
            break
        if line:
            _log(line)
            output.append(line)
            heard(line)
    said = "\n".join(output)
    if process.wait() != 0:
        raise ProgramFailed(f"{said}\n{Path(command[0]).name} ended {platform_process.ending(process.returncode)}.")
    return said


def _log(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _read(process: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line.rstrip())
    lines.put(None)
