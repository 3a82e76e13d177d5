# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of the engine and its set-up, without ever blocking.

What takes time is done elsewhere: an interpreter is probed in a thread, the environment is changed by a process.
Only Blender's main thread calls this module. It knows no bpy; `sjc_blender.addon.environment.session` moves it on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from ...protocol import events
from ...protocol.errors import SjcError
from ...protocol.setup_events import Stage
from ..in_thread import in_thread
from ..process import platform_process
from ..process.child_process import ISOLATED, ChildProcess, child_environment
from ..process.engine_python import chosen_engine_python, find_engine_python, forget_probes
from ..process.environment_place import EnvironmentPlace, environment_place, requirements_file
from ..process.marker import read_marker, requirements_hash
from .setup_errors import told_os_error, told_output
from .setup_request import SetupRequest

BOOTSTRAP = Path(__file__).resolve().with_name("setup_bootstrap.py")

CANCEL_SECONDS = 10.0
"""Grace for the set-up to end its programs after a cancel."""


class Status(StrEnum):
    """Status of the engine."""

    UNKNOWN = "unknown"
    MISSING = "missing"
    SETTING_UP = "setting up"
    CANCELLING = "cancelling"
    REMOVING = "removing"
    READY = "ready"


@dataclass(frozen=True)
class EngineState:
    """State of the engine.

    Attributes
    ----------
    status : Status
        ``UNKNOWN`` while it is being looked for.
    place : EnvironmentPlace
        Where its environment lies, or is to lie.
    interpreter : Path or None
        Its Python, if it is ready.
    source : str
        Whose choice that is, see `engine_python.Choice`.
    problem : SjcError or None
        Why there is none.
    stage : Stage or None
        Where the set-up stands.
    failure : SjcError or None
        Why the last set-up, or removal, did not succeed.
    outdated : bool
        Whether the environment was made for another release of the add-on.
    started : bool
        Whether a set-up has left something that the next one goes on from.
    size : int
        Bytes of the finished environment; 0 if there is none.
    """

    status: Status
    place: EnvironmentPlace
    interpreter: Path | None = None
    source: str = ""
    problem: SjcError | None = None
    stage: Stage | None = None
    failure: SjcError | None = None
    outdated: bool = False
    started: bool = False
    size: int = 0

    @property
    def changing(self) -> bool:
        """Whether the environment is being changed."""
        return self.status in {Status.SETTING_UP, Status.CANCELLING, Status.REMOVING}


class EngineKeeper:
    """Keeps the `state` of the engine.

    Parameters
    ----------
    environ : mapping
        Environment variables of this process.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._looked_for: tuple[str, EnvironmentPlace] | None = None
        self._state = EngineState(Status.UNKNOWN, environment_place(environ))
        self._search: Future[EngineState] | None = None
        self._process: ChildProcess | None = None
        self._request: SetupRequest | None = None
        self._outcome: events.Event | None = None

    @property
    def state(self) -> EngineState:
        """The present state."""
        return self._state

    @property
    def busy(self) -> bool:
        """Whether there is something to wait for."""
        looking = self._looked_for is not None and self._state.status is Status.UNKNOWN
        return self.at_work or looking

    @property
    def at_work(self) -> bool:
        """Whether the environment is being changed."""
        return self._process is not None

    def look(self, preference: str, *, again: bool = False) -> None:
        """Look for the engine in the background.

        Parameters
        ----------
        preference : str
            The Python that the preferences name; empty if they do not.
        again : bool
            Also if this was looked for before.
        """
        place = environment_place(self._environ)
        if self._process is not None or ((preference, place) == self._looked_for and not again):
            return
        self._looked_for = preference, place
        failure = self._state.failure
        self._state = EngineState(Status.UNKNOWN, place, failure=failure)
        self._search = in_thread(
            lambda: look_for_engine(preference, place, self._environ, failure), "SJC engine finder"
        )

    def start(self, request: SetupRequest, *, online: bool) -> None:
        """Start to change the environment.

        Raises
        ------
        SjcError
            ``setup_running``, ``folder_not_own``, or if the process or its log cannot be had.
        """
        if self._process is not None:
            raise SjcError("setup_running", "The engine is being set up already.", "Wait until that is done.")
        place = request.place
        if not place.known:
            raise SjcError(
                "no_home_folder",
                "This user has no home folder, where the engine would be put: neither the environment variable HOME "
                "nor the system names one.",
                "Set HOME and restart Blender, choose an Engine Folder in the add-on's preferences, or name a "
                "Python that has the engine's packages in the environment variable SJC_ENGINE_PYTHON.",
            )
        command = [sys.executable, *ISOLATED, str(BOOTSTRAP), request.to_argument()]
        try:
            place.own.require()
            place.root.mkdir(parents=True, exist_ok=True)
            place.log.unlink(missing_ok=True)
            self._process = ChildProcess.run(command, place.log, child_environment(self._environ, online=online))
        except (OSError, ValueError) as error:
            raise told_os_error(error, place.root) from error
        self._request = request
        self._outcome = None
        self._search = None  # which would be out of date
        status = Status.REMOVING if request.action == "remove" else Status.SETTING_UP
        self._state = EngineState(status, place, started=True)

    def cancel(self) -> None:
        """Cancel the set-up, if any; downloaded files are kept."""
        if self._process is not None and self._state.status is Status.SETTING_UP:
            self._process.cancel(CANCEL_SECONDS)
            self._change(status=Status.CANCELLING)

    def pump(self) -> bool:
        """Process search results and events without waiting; return True if anything changed."""
        if self._process is not None:
            return self._attend()
        if self._search is None or not self._search.done():
            return False
        search, self._search = self._search, None
        try:
            self._state = search.result()
        except Exception as error:  # whatever a file system can raise: there has to be a state
            problem = SjcError("engine_python_fails", f"The search for the engine failed: {error}.")
            self._change(status=Status.MISSING, problem=problem)
        return True

    def ask_to_end(self, grace: float) -> None:
        """Let a set-up that runs end within `grace` seconds."""
        if self._process is not None:
            self._process.cancel(grace)

    def _attend(self) -> bool:
        """Process the events of the set-up; return True if anything changed."""
        process = self._process
        assert process is not None
        told, ended = process.advance()
        for event in told:
            if isinstance(event, Stage):
                self._change(stage=event)
            else:
                self._outcome = event
        if not ended:
            return bool(told)
        failure = self._failure(process)
        process.close()
        self._process = None
        self._change(failure=failure)
        forget_probes()
        self.look(self._looked_for[0] if self._looked_for else "", again=True)
        return True

    def _failure(self, process: ChildProcess) -> SjcError | None:
        assert self._request is not None
        match self._outcome:
            case events.Failed(code, message, hint):
                return SjcError(code, message, hint)
            case events.Result() | events.Cancelled():
                return None
        if self._state.status is Status.CANCELLING:
            return None
        place, ending = self._request.place, process.return_code
        assert ending is not None
        words = "\n".join(process.last_words())
        return told_output(f"{words}\nThe set-up ended {platform_process.ending(ending)}.", place.root, place.log)

    def _change(self, **values: Any) -> None:
        self._state = replace(self._state, **values)


def look_for_engine(
    preference: str,
    place: EnvironmentPlace,
    environ: Mapping[str, str] = os.environ,
    failure: SjcError | None = None,
) -> EngineState:
    """Find the engine and try it; may take seconds.

    Parameters
    ----------
    preference : str
        The Python that the preferences name.
    environ : mapping
        Environment variables.
    failure : SjcError or None
        Handed on into the state.
    """
    marker = read_marker(place.marker)
    state = EngineState(
        Status.MISSING, place, failure=failure, started=place.started, size=marker.size if marker is not None else 0
    )
    try:
        source = chosen_engine_python(None, preference, environ).source
        interpreter = find_engine_python(None, preference, environ)
    except SjcError as error:
        return replace(state, problem=error)
    current = requirements_hash(requirements_file("engine.txt"), requirements_file("torch.txt"))
    outdated = source == "environment" and (marker is None or marker.requirements != current)
    return replace(state, status=Status.READY, interpreter=interpreter, source=source, outdated=outdated)
