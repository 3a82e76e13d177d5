# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of the engine in a process of its own: ``python -m sjc_blender.engine doctor``. Knows no bpy.

Before it Blender's own program is tried in another process: whether its Cycles draws volumes.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ...protocol.diagnosis import Diagnosis, Finding
from ...protocol.errors import SjcError
from ..process import platform_process
from ..process.child_process import ChildProcess, child_environment
from ..process.engine_process import engine_command
from .setup_errors import told_os_error

LONGEST_SECONDS = 180.0
"""Time limit of a check; longer means that a driver hangs."""


VOLUME_TRIAL = Path(__file__).resolve().with_name("volume_trial.py")
UNTRIED = Finding("Cycles", "whether it draws volumes could not be tried", True)


class EngineCheck:
    """Runs one check at a time, and keeps the last diagnosis."""

    def __init__(self) -> None:
        self._process: ChildProcess | None = None
        self._logs: tempfile.TemporaryDirectory[str] | None = None
        self._before: tuple[Finding, ...] = ()
        self._waiting: list[tuple[list[str], Finding | None]] = []
        self._told: Diagnosis | None = None
        self.diagnosis: Diagnosis | None = None

    @property
    def at_work(self) -> bool:
        """Whether a check runs."""
        return self._process is not None

    def start(self, interpreter: Path | None, before: tuple[Finding, ...], blender: Path | None = None) -> None:
        """Begin a check; nothing happens while one runs.

        Parameters
        ----------
        interpreter : Path or None
            The engine's Python; None if there is none: then nothing is found but `before`.
        before : tuple of Finding
            What is known already; stands first.
        blender : Path or None
            Blender's program; None where there is none, as of Blender as a module.
        """
        if self._process is not None:
            return
        self.diagnosis, self._before, self._waiting = None, before, []
        if blender is not None:
            self._waiting.append(([str(blender), "-b", "--factory-startup", "--python", str(VOLUME_TRIAL)], UNTRIED))
        if interpreter is not None:
            self._waiting.append((engine_command(interpreter, "doctor", "--json"), None))
        self._next()

    def _next(self) -> None:
        """Start the next process; without one the check is done."""
        self._told = None
        if not self._waiting:
            self.diagnosis = Diagnosis(self._before)
            return
        command = self._waiting[0][0]
        environment = child_environment(os.environ, online=False)
        try:
            self._logs = tempfile.TemporaryDirectory(prefix="sjc-check-", ignore_cleanup_errors=True)
            log = Path(self._logs.name) / "check.log"
            self._process = ChildProcess.run(command, log, environment)
            self._process.end_within(LONGEST_SECONDS)
        except SjcError as error:
            self._not_started(error)
        except (OSError, ValueError) as error:
            self._not_started(told_os_error(error, Path(tempfile.gettempdir())))

    def _not_started(self, problem: SjcError) -> None:
        _command, silent = self._waiting.pop(0)
        self._before += (silent or told_problem(problem),)
        self._next()

    def pump(self) -> bool:
        """Process the events of the check; return True if it has just ended."""
        process = self._process
        if process is None:
            return False
        told, ended = process.advance()
        for event in told:
            if isinstance(event, Diagnosis):
                self._told = event
        if not ended:
            return False
        _command, silent = self._waiting.pop(0)
        self._before += self._told.findings if self._told else (silent or _silent(process),)
        process.close()
        self._process = None
        if self._logs is not None:
            self._logs.cleanup()
        self._next()
        return self._process is None

    def ask_to_end(self, grace: float) -> None:
        """End a check that runs, at once."""
        del self._waiting[1:]
        if self._process is not None:
            self._process.end_within(0.0)


def _silent(process: ChildProcess) -> Finding:
    """Return the finding for an engine that ended without one."""
    code = process.return_code
    assert code is not None
    if process.out_of_time:
        text = f"the check was ended after {LONGEST_SECONDS:.0f} s without an answer."
        fix = "Close other programs and check again. If it happens again, restart the computer: a driver may hang."
        return Finding("Engine", text, False, fix)
    words = " ".join(process.last_words(2))
    text = f"the check ended {platform_process.ending(code)}." + (f" Its last words: {words}" if words else "")
    return Finding("Engine", text, False, "Press Set Up Engine: it repairs what is damaged.")


def told_problem(problem: SjcError) -> Finding:
    """Return the finding for a missing engine."""
    return Finding("Engine", problem.message, False, problem.hint)
