# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists, downloads and deletes models by the engine: one action at a time, without ever blocking.

Only Blender's main thread calls this module. It knows no bpy; `process_keeper` moves it on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Literal

from ...protocol import events
from ...protocol.atomic_write import file_error
from ...protocol.errors import SjcError
from ...protocol.model_events import ModelFacts, Models, ProfileTemplate, Transfer
from ..in_thread import in_thread
from ..process.child_process import ChildProcess
from ..process.engine_process import EngineProcess

Action = Literal["list", "download", "delete", "show", "profile"]

CANCEL_SECONDS = 5.0
"""Seconds for a download to stop by itself; the downloaded data is kept in any case."""

EXIT_SECONDS = 10.0
"""Seconds for an engine to exit after its last event."""


class ModelLibrary:
    """The models on this computer, and the running action.

    Attributes
    ----------
    found : Models or None
        The models on this computer; None until they were listed.
    action : str
        What is done now, else empty.
    subject : str
        Id of the model that the action, or the error, is about; empty for a list.
    transfer : Transfer or None
        How far the download is.
    answer : ModelFacts or ProfileTemplate or None
        What the last action was told of a model.
    cancelling : bool
        Whether the download was told to stop.
    cancelled : bool
        Whether the last action ended so.
    error : SjcError or None
        Why the last action failed.
    """

    def __init__(self) -> None:
        self.found: Models | None = None
        self.action: Action | Literal[""] = ""
        self.subject = ""
        self.transfer: Transfer | None = None
        self.answer: ModelFacts | ProfileTemplate | None = None
        self.cancelling = False
        self.cancelled = False
        self.error: SjcError | None = None
        self._process: ChildProcess | None = None
        self._starter: Future[ChildProcess] | None = None
        self._told_end = False
        self._ending = False
        self._ask: Callable[[Action, str], Future[ChildProcess]] | None = None

    @property
    def at_work(self) -> bool:
        """Whether an action is running."""
        return bool(self.action)

    def begin(
        self,
        action: Action,
        hub_id: str,
        find_python: Callable[[], Path],
        log_path: Path,
        *,
        online: bool,
        options: Sequence[str] = (),
    ) -> None:
        """List, download, delete, show, or ask for a profile.

        Parameters
        ----------
        hub_id : str
            Which model; empty for a list.
        find_python : callable
            Gives the engine's Python or raises SjcError; called in another thread, since it may take seconds.
        log_path : Path
            What the engine says beside its events.
        online : bool
            Whether the engine may use the network.
        options : sequence of str
            Of the engine's command.

        Raises
        ------
        SjcError
            ``models_busy`` if something else is done now.
        """
        if self.at_work:
            raise SjcError(
                "models_busy",
                f"Models are being worked on ({self.action} {self.subject}".rstrip() + ").",
                "Wait until that is done, or cancel it.",
            )
        self.action, self.subject = action, hub_id
        self.transfer, self.error, self.answer = None, None, None
        self.cancelling = self.cancelled = self._told_end = self._ending = False

        def ask(action: Action, hub_id: str) -> Future[ChildProcess]:
            given = options if action == self.action else ()
            arguments = ["models", action, *([hub_id] if hub_id else []), *given, "--json"]
            return in_thread(lambda: _started(find_python, arguments, log_path, online), "SJC models")

        self._ask = ask
        self._starter = ask(action, hub_id)

    def cancel(self, *, now: bool = False) -> None:
        """Cancel a download, if any; the downloaded data is kept."""
        if self.action != "download":
            return
        self.cancelling = True
        if self._process is not None:
            self._process.cancel(0.0 if now else CANCEL_SECONDS)
            self._process.supervise()

    def pump(self) -> bool:
        """Process events without waiting; return True if anything changed."""
        if self._starter is not None:
            return self._take_started()
        process = self._process
        if process is None:
            return False
        told, ended = process.advance()
        for event in told:
            self._apply(event)
        if not ended:
            if self._told_end:
                process.end_within(EXIT_SECONDS)
            return bool(told)
        self._end(process)
        return True

    def ask_to_end(self, grace: float) -> None:
        """Let the running action end within `grace` seconds."""
        self._ending = self.cancelling = True
        if self._process is not None:
            self._process.cancel(grace)

    def _take_started(self) -> bool:
        starter = self._starter
        assert starter is not None
        if not starter.done():
            return False
        self._starter = None
        try:
            self._process = starter.result()
        except SjcError as error:
            self.error = error
        finally:
            if self._process is None:
                self.action = ""
        if self._process is not None and self.cancelling:
            self._process.cancel(0.0 if self._ending else CANCEL_SECONDS)
        return True

    def _apply(self, event: events.Event) -> None:
        match event:
            case Models():
                self.found = event
                # The last event of a successful action; a failure or a cancel comes after the list.
                self._told_end = True
            case Transfer():
                self.transfer = event
            case ModelFacts() | ProfileTemplate():
                self.answer = event
            case events.Cancelled():
                self.cancelled = True
            case events.Failed(code, message, hint):
                self.error = SjcError(code, message, hint)
                self._told_end = True

    def _end(self, process: ChildProcess) -> None:
        if self.cancelling and not self._told_end:
            self.cancelled = True
        elif not self._told_end:
            told = process.told_end("it was done with the models")
            self.error = SjcError("engine_died", told, "Try again; a download continues where it stopped.")
        process.close()
        self._process = None
        self.transfer = None
        # An engine that was killed has left files that it did not report.
        again = self.action != "list" and not self._told_end and not self._ending
        self.action = "list" if again else ""
        self.cancelling = False
        if again:
            assert self._ask is not None
            self._starter = self._ask("list", "")


def _started(find_python: Callable[[], Path], arguments: list[str], log_path: Path, online: bool) -> ChildProcess:
    """Find the engine's Python, and start it."""
    try:
        interpreter = find_python()
        log_path.parent.mkdir(parents=True, exist_ok=True)
        return EngineProcess.run_engine(interpreter, arguments, log_path, online=online)
    except OSError as error:
        raise file_error(error, log_path) from error


LIBRARY = ModelLibrary()
"""The library of this Blender session."""
