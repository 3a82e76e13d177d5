# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs of this session, and the line they wait in: one runs at a time.

Only Blender's main thread calls this module. It knows no bpy; `sjc_blender.addon.jobs.pump` moves it on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from ...protocol import events
from ...protocol.errors import SjcError
from ...protocol.job_folder import OUTPUT_FILES, JobFolder, engine_busy
from ...protocol.spec import JobSpec
from ..process import platform_process
from ..process.engine_process import EngineProcess
from ..process.farm_process import Farm, FarmProcess

if TYPE_CHECKING:
    from .destination import Destination  # which knows bpy

CANCEL_SECONDS = 60.0
"""Grace for the current step, or for the loading of a model, after a cancel."""

SURE_STEPS = 10
SURE_SECONDS = 5.0
"""Steps and seconds of a run after which its speed, and the time left, can be told: the first ones are no measure."""

BUSY_SECONDS = 20.0
"""Patience with another engine in a job's folder: that of a Blender that was ended hard ends within seconds."""

AT_THE_FARM = "waiting for the farm"
"""The phase of a job that was given to a farm, before a worker tells of it."""

ELSEWHERE = "busy elsewhere"
"""The phase of a job that waits for an engine of another session in its folder."""

EXIT_SECONDS = 15.0
"""Grace for an engine that has told how its job ended to end itself."""


ALL_BUT_THE_END = 0.99
"""Share of a job that is told when all steps are done, and the result is not."""


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(eq=False, repr=False)
class Job:
    """One job and what is known of it. It holds names, no Blender objects: undo and file load invalidate those.

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
        """Whether it waits for an engine of another session, which works in its folder."""
        return self.patient and self.state is JobState.QUEUED and self.phase == ELSEWHERE

    @property
    def live(self) -> bool:
        """Whether the job runs or waits for its turn."""
        return self.state in {JobState.QUEUED, JobState.RUNNING, JobState.PAUSED, JobState.CANCELLING}

    @property
    def awaits_import(self) -> bool:
        """Whether the object is there and is to be imported, which was not tried yet."""
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
        """Take in what the engine tells."""
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
        """Take in that a step was done now."""
        now = time.monotonic()
        # The first report comes when one step is done; a resumed job begins at its checkpoint.
        first, since = self._began = self._began or (step - 1, now)
        self.speed_known |= step - first >= SURE_STEPS and now - since >= SURE_SECONDS

    def fail(self, error: SjcError) -> None:
        """End the job with `error`."""
        self.error = error
        self.state = JobState.FAILED

    def notify(self) -> None:
        """Tell `on_change`; if it fails it is not told again, for the job goes on."""
        if self.on_change is None:
            return
        try:
            self.on_change(self)
        except Exception as error:  # somebody else's code
            self.on_change = None
            self.warnings.append(f"Progress is not told any more: {type(error).__name__}: {error}")


class JobQueue:
    """Runs jobs one after the other, in the order in which they came."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self._running: Job | None = None
        self._process: EngineProcess | None = None
        self._touched: list[Job] = []
        self._patience: tuple[Job, float] | None = None
        self._farms: dict[Farm, FarmProcess] = {}

    @property
    def jobs(self) -> list[Job]:
        """Every job of this session, in the order in which they run or ran."""
        return list(self._jobs)

    @property
    def live(self) -> bool:
        """Whether any job runs or waits, or an engine has not ended yet."""
        return self._process is not None or bool(self._farms) or any(job.live for job in self._jobs)

    def find(self, identifier: str) -> Job:
        """Give the newest job called `identifier`; SjcError ``no_such_job`` if there is none."""
        for job in reversed(self._jobs):
            if job.id == identifier:
                return job
        raise SjcError("no_such_job", f"This session has no job {identifier!r}.", "api.jobs() lists them.")

    def submit(self, job: Job) -> None:
        """Put a job in line; the next `pump` starts it if it is its turn.

        Raises
        ------
        SjcError
            ``folder_in_use`` if a live job works in the same folder.
        """
        if any(other.live and other.folder.path == job.folder.path for other in self._jobs):
            raise SjcError(
                "folder_in_use",
                f"A job of this session is working in {job.folder.path}.",
                "Cancel it first, or choose another folder.",
            )
        self._jobs.append(job)
        self._touched.append(job)

    def cancel(self, job: Job, *, now: bool = False) -> None:
        """Stop a job after its current step, or at once; nothing happens to one that has ended."""
        if job.state is JobState.QUEUED:
            job.state = JobState.CANCELLED
            self._touched.append(job)
        elif job is self._running and self._process is not None and job.live:
            job.state = JobState.CANCELLING
            self._process.cancel(0.0 if now else CANCEL_SECONDS)
            self._process.supervise()
            self._touched.append(job)
        elif job.farm in self._farms and job.live:
            job.state = JobState.CANCELLING
            self._farms[job.farm].stop_job(job.folder.path)
            self._touched.append(job)

    def pause(self, job: Job) -> None:
        """Let the running job hold still after its current step; those in line wait on.

        Raises
        ------
        SjcError
            ``farm_no_pause`` for a job that a farm runs.
        """
        if job.farm is not None and job.live:
            raise SjcError(
                "farm_no_pause",
                f"The job {job.id} runs on the farm at {job.farm.address}, which does not hold jobs still.",
                "Cancel it: it keeps a checkpoint, and resuming it goes on from there.",
            )
        if job is self._running and self._process is not None and job.state is JobState.RUNNING:
            self._process.say(events.PAUSE)
            job.pausing = True
            self._touched.append(job)

    def unpause(self, job: Job) -> None:
        """End a pause, or take back that it was wanted."""
        if job is self._running and self._process is not None and job.pausing:
            self._process.say(events.GO_ON)
            job.pausing = False
            self._touched.append(job)

    def move(self, job: Job, places: int) -> None:
        """Let a waiting job change its place in line, to the front with negative `places`, as far as that goes."""
        if job.state is not JobState.QUEUED:
            return
        slots = [index for index, other in enumerate(self._jobs) if other.state is JobState.QUEUED]
        waiting = [self._jobs[index] for index in slots]
        place = waiting.index(job)
        waiting.insert(max(0, place + places), waiting.pop(place))
        for index, other in zip(slots, waiting, strict=True):
            self._jobs[index] = other
        self._touched.append(job)

    def forget_ended(self, folder: Path | None = None) -> None:
        """Take the jobs that have ended off the list, all or those of a folder; their files stay as they are."""

        def stays(job: Job) -> bool:
            kept = job.live or job.awaits_import or job is self._running
            return kept or folder not in (None, job.folder.path)

        self._jobs = [job for job in self._jobs if stays(job)]

    def pump(self) -> list[Job]:
        """Move everything on without waiting; give the jobs that changed."""
        changed, self._touched = self._touched, []
        running = self._running
        if running is not None and self._attend(running):
            changed.append(running)
        changed += self._attend_farms()
        waiting = (job for job in self._jobs if job.state is JobState.QUEUED and job.farm is None)
        first = next((job for job in waiting if not self._is_put_off(job)), None)
        if first is not None and self._process is None and not self._waits(first):
            self._launch(first)
            changed.append(first)
        changed = list(dict.fromkeys(changed))
        for job in changed:
            job.notify()
        return changed

    def shut_down(self, grace: float) -> None:
        """End everything: ask first, and insist after `grace` seconds. Takes no longer than a little more."""
        for job in self._jobs:
            if job.farm is None:
                self.cancel(job)
        for farm in self._farms.values():
            farm.leave()  # its jobs go on
            farm.end_within(grace)
        if self._process is not None:
            self._process.cancel(grace)
        give_up = time.monotonic() + grace + platform_process.TASKKILL_SECONDS
        while (self._process is not None or self._farms) and time.monotonic() < give_up:
            self.pump()
            time.sleep(0.02)

    def _attend(self, job: Job) -> bool:
        """Take in what the running engine has told; True if anything changed."""
        process = self._process
        assert process is not None
        # Asked first: what an ended process said is complete only then.
        ended = process.ended
        told = process.events()
        for event in told:
            job.apply(event)
        if not ended:
            if not job.live:
                process.end_within(EXIT_SECONDS)
            process.supervise()
            return bool(told)
        if job.live:
            self._end_untold(job, process)
        elif job.patient and job.error is not None and job.error.code == "engine_busy":
            job.state, job.error, job._put_off = JobState.QUEUED, None, True  # another session was quicker
        process.close()
        self._process = None
        self._running = None
        return True

    def _attend_farms(self) -> list[Job]:
        """Give jobs to their farms, and take in what these have told."""
        changed = [job for job in self._jobs if job.farm is not None and job.state is JobState.QUEUED]
        for job in changed:
            self._give(job)
        for farm, process in list(self._farms.items()):
            ended = process.ended
            jobs = {job.folder.path: job for job in self._jobs if job.farm == farm and job.live}
            for folder, event in process.told():
                if folder in jobs:
                    jobs[folder].apply(event)
                    changed.append(jobs[folder])
            left = [job for job in jobs.values() if job.live]
            if ended:
                for job in left:
                    self._end_of_sender(job, process)
                changed += left
                process.close()
                del self._farms[farm]
            elif not left:
                process.leave()
            process.supervise()
        return changed

    def _give(self, job: Job) -> None:
        assert job.farm is not None
        process = self._farms.get(job.farm)
        try:
            if process is None or process.ended or process.left:
                if process is not None:
                    return  # it is ending; the next turn starts another
                process = self._farms[job.farm] = FarmProcess.start(job.interpreter, job.farm, job.folder.log_path)
        except SjcError as error:
            job.fail(error)
            return
        process.give(job.folder.path)
        job.state, job.phase = JobState.RUNNING, AT_THE_FARM

    @staticmethod
    def _end_of_sender(job: Job, process: FarmProcess) -> None:
        """Settle a job whose sender ended before it."""
        if job.state is JobState.CANCELLING:
            job.state = JobState.CANCELLED
            return
        assert job.farm is not None
        words = " ".join(process.last_words(2)).removeprefix("Error: ")
        job.fail(
            SjcError(
                "farm_lost",
                f"The connection to the farm at {job.farm.address} ended before the job was done. {words}".rstrip(),
                "The farm may still finish it: look with `farm status`, and resume the job to follow it again.",
            )
        )

    def _is_put_off(self, job: Job) -> bool:
        """Whether a patient job lets others go first, because another session works in its folder."""
        if not job.patient or self._process is not None:
            return False
        phase = ELSEWHERE if job.folder.busy else ""
        job._put_off |= bool(phase)
        if phase != job.phase:
            job.phase = phase
            self._touched.append(job)
        return bool(phase)

    def _waits(self, job: Job) -> bool:
        """Whether another engine is at work in the folder of the job whose turn it is, and may end soon."""
        if not job.folder.busy:
            return False
        if self._patience is None or self._patience[0] is not job:
            self._patience = (job, time.monotonic() + BUSY_SECONDS)
        return time.monotonic() < self._patience[1]

    def _launch(self, job: Job) -> None:
        if job.folder.busy:
            job.fail(engine_busy(job.folder))
            return
        if job._put_off and job.folder.is_done(name for name in OUTPUT_FILES if getattr(job.spec.outputs, name)):
            job.state = JobState.DONE  # by another session
            return
        try:
            self._process = EngineProcess.start(job.interpreter, job.folder, online=job.online)
        except SjcError as error:
            job.fail(error)
            return
        self._running = job
        job.state = JobState.RUNNING
        job.phase = "starting"

    @staticmethod
    def _end_untold(job: Job, process: EngineProcess) -> None:
        """Settle a job whose engine ended without a word about it."""
        if job.state is JobState.CANCELLING:
            job.state = JobState.CANCELLED
        else:
            job.fail(_engine_died(job.folder, process))


def _engine_died(folder: JobFolder, process: EngineProcess) -> SjcError:
    code = process.return_code
    assert code is not None
    message = f"The engine ended {platform_process.ending(code)} before the job was done."
    words = process.last_words()
    if words:
        message += " Its last words were:\n" + "\n".join(f"  {line}" for line in words)
    again = "resume the job; its last checkpoint is kept." if folder.has(folder.checkpoint) else "start the job again."
    if platform_process.ended_for_memory(code):
        hint = (
            "Usually the system ended it because memory ran out: close other programs, or choose a quicker "
            f"preset or a lower field resolution, then {again}"
        )
    else:
        hint = f"{folder.log_path} has everything it said. When the cause is mended, {again}"
    return SjcError("engine_died", message, hint)


QUEUE = JobQueue()
"""The queue of this Blender session."""
