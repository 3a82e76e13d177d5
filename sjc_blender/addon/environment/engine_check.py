"""The engine checks itself, in a process of its own: ``python -m sjc_blender.engine doctor``. Knows no bpy."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from ...protocol.diagnosis import Diagnosis, Finding
from ...protocol.errors import SjcError
from ..process import platform_process
from ..process.child_process import ChildProcess, child_environment
from ..process.engine_process import engine_command
from .setup_errors import told_os_error

LONGEST_SECONDS = 180.0
"""A check that takes longer is ended: a driver hangs."""


class EngineCheck:
    """One check at a time, and what the last one found."""

    def __init__(self) -> None:
        self._process: ChildProcess | None = None
        self._logs: tempfile.TemporaryDirectory[str] | None = None
        self._before: tuple[Finding, ...] = ()
        self._told: Diagnosis | None = None
        self.diagnosis: Diagnosis | None = None

    @property
    def busy(self) -> bool:
        """Whether a check runs."""
        return self._process is not None

    def start(self, interpreter: Path | None, before: tuple[Finding, ...]) -> None:
        """Begin a check; nothing happens while one runs.

        Parameters
        ----------
        interpreter : Path or None
            The engine's Python; None if there is none: then nothing is found but `before`.
        before : tuple of Finding
            What is known already; stands first.
        """
        if self._process is not None:
            return
        self.diagnosis, self._told, self._before = None, None, before
        if interpreter is None:
            self.diagnosis = Diagnosis(before)
            return
        environment = child_environment(os.environ, online=False)
        try:
            self._logs = tempfile.TemporaryDirectory(prefix="sjc-check-", ignore_cleanup_errors=True)
            log = Path(self._logs.name) / "check.log"
            self._process = ChildProcess.run(engine_command(interpreter, "doctor", "--json"), log, environment)
            self._process.end_within(LONGEST_SECONDS)
        except SjcError as error:
            self.diagnosis = Diagnosis((*before, told_problem(error)))
        except (OSError, ValueError) as error:
            told = told_os_error(
                error if isinstance(error, OSError) else OSError(str(error)), Path(tempfile.gettempdir())
            )
            self.diagnosis = Diagnosis((*before, told_problem(told)))

    def pump(self) -> bool:
        """Take in what the check has told; True if it has ended just now."""
        process = self._process
        if process is None:
            return False
        ended = process.ended
        for event in process.events():
            if isinstance(event, Diagnosis):
                self._told = event
        if not ended:
            process.supervise()
            return False
        self.diagnosis = Diagnosis(self._before + (self._told.findings if self._told else (_silent(process),)))
        process.close()
        self._process = None
        if self._logs is not None:
            self._logs.cleanup()
        return True

    def shut_down(self) -> None:
        """End a check that runs."""
        if self._process is None:
            return
        self._process.end_within(0.0)
        give_up = time.monotonic() + platform_process.TASKKILL_SECONDS
        while self._process is not None and time.monotonic() < give_up:
            self.pump()
            time.sleep(0.02)


def _silent(process: ChildProcess) -> Finding:
    """Tell of an engine that ended without a finding."""
    code = process.return_code
    assert code is not None
    words = " ".join(process.last_words(2))
    text = f"the check ended {platform_process.ending(code)}." + (f" Its last words: {words}" if words else "")
    return Finding("Engine", text, False, "Press Set Up Engine: it mends what is damaged.")


def told_problem(problem: SjcError) -> Finding:
    """Tell why there is no engine."""
    return Finding("Engine", problem.message, False, problem.hint)
