# SPDX-License-Identifier: GPL-3.0-or-later
"""One job of this session, with the state that its engine has reported. Knows no bpy."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from ...protocol import events
from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder
from ...protocol.spec import JobSpec
from ..process.farm_process import Farm

if TYPE_CHECKING:
    from .destination import Destination  # which knows bpy

SURE_STEPS = 10
SURE_SECONDS = 5.0
"""Steps and seconds of a run after which its speed is known: the first steps are not representative."""

ELSEWHERE = "busy elsewhere"
"""The phase of a job while an engine of another session works in its folder."""

ALL_BUT_THE_END = 0.99
"""Share shown when all steps are done and the result is not."""


class JobState(StrEnum):
    """State of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(eq=False, repr=False)
class Job:
    """One job and its state. It holds no Blender objects, which undo and file load invalidate.

    Attributes
    ----------
    folder : JobFolder
    spec : JobSpec
    interpreter : Path
        The engine's Python.
    online : bool
        Whether the engine may use the network.
    destination : Destination or None
        The scene that the result belongs to.
    import_results : bool
        Whether the result goes there by itself.
    farm : Farm or None
        Where it runs; None: on this computer, one job at a time.
    patient : bool
        Whether it waits while an engine of another session works in its folder, and takes the result of that one;
        jobs behind it in line are not held up. Else it fails after `BUSY_SECONDS`.
    arrange : callable or None
        Called with the job when its results are in the scene, before that becomes an undo step.
    way : tuple of float
        World units along X and Y by which the results are moved from their domain's place, as `arrange` does.
    on_change : callable or None
        Called with the job after anything below has changed.
    waiter : callable or None
        Moves jobs on until this one has ended; see `wait`.
    state : JobState
    phase : str
        What the engine is at, such as ``"optimising"``.
    forecast : events.Forecast or None
        What it will need; with its time after the first steps.
    progress : events.Progress or None
    preview : Path or None
        The newest preview picture.
    live_field : events.LiveField or None
        The newest coarse copy of the field; gone when the job is done.
    pausing : bool
        Whether a pause is wanted; the job holds still when its step has ended (``PAUSED``).
    warnings : list of str
    error : SjcError or None
        Why the job failed.
    result : events.Result or None
    object_whole : bool
        Whether field and mesh lie in the result's folder, while pictures of them may still be made.
    imported : tuple of str
        Names of the objects that were made of the result.
    import_error : SjcError or None
        Why there are none; the result in the folder is whole.
    speed_known : bool
        Whether enough steps were done for an estimate of the time left.
    """

    folder: JobFolder
    spec: JobSpec
    interpreter: Path
    online: bool = False
    destination: Destination | None = None
    import_results: bool = True
    farm: Farm | None = None
    patient: bool = False
    arrange: Callable[[Job], None] | None = None
    way: tuple[float, float] = (0.0, 0.0)
    on_change: Callable[[Job], None] | None = None
    waiter: Callable[..., bool] | None = None
    state: JobState = JobState.QUEUED
    phase: str = ""
    forecast: events.Forecast | None = None
    progress: events.Progress | None = None
    preview: Path | None = None
    live_field: events.LiveField | None = None
    pausing: bool = False
    warnings: list[str] = field(default_factory=list)
    error: SjcError | None = None
    result: events.Result | None = None
    object_whole: bool = False
    imported: tuple[str, ...] = ()
    import_error: SjcError | None = None
    speed_known: bool = False
    _put_off: bool = field(default=False, init=False, repr=False)
    _began: tuple[int, float] | None = field(default=None, init=False, repr=False)

    def __repr__(self) -> str:
        told = f", step {self.progress.step} of {self.progress.total}" if self.progress and self.live else ""
        return f"<Job {self.id!r}: {self.state}{told}>"

    def wait(self, timeout: float | None = None) -> Job:
        """Block until the job has ended and its result is imported, if it is to be; Ctrl-C cancels it.

        Parameters
        ----------
        timeout : float, optional
            Seconds after which the job is returned as it is; it goes on.
        """
        if self.waiter is not None:
            self.waiter(self, timeout=timeout)
        return self

    @property
    def id(self) -> str:
        """Name of the job's folder."""
        return self.folder.path.name

    @property
    def elsewhere(self) -> bool:
        """Whether it waits for an engine of another session that works in its folder."""
        return self.patient and self.state is JobState.QUEUED and self.phase == ELSEWHERE

    @property
    def live(self) -> bool:
        """Whether the job runs or waits for its turn."""
        return self.state in {JobState.QUEUED, JobState.RUNNING, JobState.PAUSED, JobState.CANCELLING}

    @property
    def trouble(self) -> SjcError | None:
        """The error of the engine or of the import, if any."""
        return self.error or self.import_error

    @property
    def awaits_import(self) -> bool:
        """Whether the result is complete and its import was not tried yet."""
        # What is arranged for is arranged with its pictures, which come last.
        early = self.object_whole and self.live and self.arrange is None
        wanted = (self.state is JobState.DONE or early) and self.import_results
        return wanted and not self.imported and self.import_error is None

    @property
    def fraction(self) -> float:
        """Share of the steps done, 0 to 1."""
        if self.state is JobState.DONE:
            return 1.0
        if self.progress is None or not self.progress.total:
            return 0.0
        return min(self.progress.step / self.progress.total, ALL_BUT_THE_END)

    def apply(self, event: events.Event) -> None:
        """Process an event of the engine."""
        match event:
            case events.Phase(name):
                self.phase = name
            case events.Forecast():
                self.forecast = event
            case events.Progress():
                self.progress = event
                self._time(event.step)
            case events.Preview(path):
                self.preview = self.folder.told(path)
            case events.LiveField():
                self.live_field = event
            case events.Paused() if self.state is JobState.RUNNING:
                self.state = JobState.PAUSED
            case events.WentOn() if self.state is JobState.PAUSED:
                self.state = JobState.RUNNING
            case events.Warned(message):
                self.warnings.append(message)
            case events.ObjectWhole():
                self.object_whole = True
            case events.Result():
                self.result = event
                self.state = JobState.DONE
            case events.Cancelled():
                self.state = JobState.CANCELLED
            case events.Failed(code, message, hint):
                self.fail(SjcError(code, message, hint))

    def _time(self, step: int) -> None:
        """Record that a step was done now."""
        now = time.monotonic()
        # The first report comes when one step is done; a resumed job begins at its checkpoint.
        first, since = self._began = self._began or (step - 1, now)
        self.speed_known |= step - first >= SURE_STEPS and now - since >= SURE_SECONDS

    def fail(self, error: SjcError) -> None:
        """End the job with `error`."""
        self.error = error
        self.state = JobState.FAILED

    def notify(self) -> None:
        """Call `on_change`; if it fails it is not called again, and the job continues."""
        if self.on_change is None:
            return
        try:
            self.on_change(self)
        except Exception as error:  # a caller's code
            self.on_change = None
            self.warnings.append(f"Progress is not told any more: {type(error).__name__}: {error}")
