# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue of this session's jobs, which run one at a time.

Only Blender's main thread calls this module. It knows no bpy; `sjc_blender.addon.jobs.pump` moves it on.
"""

from __future__ import annotations

import time
from pathlib import Path

from ...protocol import events
from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder, engine_busy, wanted_outputs
from ..process import platform_process
from ..process.engine_process import EngineProcess
from .farm_jobs import FarmJobs
from .job import ELSEWHERE, Job, JobState

CANCEL_SECONDS = 60.0
"""Seconds for the current step, or the loading of a model, after a cancel."""


BUSY_SECONDS = 20.0
"""Seconds to wait for another engine in a job's folder: that of a killed Blender ends within seconds."""


EXIT_SECONDS = 15.0
"""Seconds for an engine to exit after it has reported the end of its job."""


class JobQueue:
    """Runs jobs one after the other, in the order of their submission."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self._running: Job | None = None
        self._process: EngineProcess | None = None
        self._touched: list[Job] = []
        self._patience: tuple[Job, float] | None = None
        self._farm_jobs = FarmJobs()

    @property
    def jobs(self) -> list[Job]:
        """All jobs of this session, in the order in which they run or ran."""
        return list(self._jobs)

    @property
    def at_work(self) -> bool:
        """Whether an engine, or the sender of a farm, has not ended yet."""
        return self._process is not None or self._farm_jobs.live

    @property
    def live(self) -> bool:
        """Whether any job runs or waits, or an engine has not ended yet."""
        return self.at_work or any(job.live for job in self._jobs)

    def holds(self, job: Job) -> bool:
        """Return whether the job runs or waits, or its engine has not ended yet."""
        return job.live or job is self._running

    def may_go(self, job: Job) -> bool:
        """Return whether a job can leave the list: its engine has ended, and its result is not waited for."""
        return not self.holds(job) and not job.awaits_import

    @property
    def active(self) -> Job | None:
        """The first job that runs, is paused or stops."""
        states = {JobState.RUNNING, JobState.PAUSED, JobState.CANCELLING}
        return next((job for job in self._jobs if job.state in states), None)

    def find(self, identifier: str) -> Job | None:
        """Return the newest job with that id."""
        return next((job for job in reversed(self._jobs) if job.id == identifier), None)

    def submit(self, job: Job) -> None:
        """Queue a job; the next `pump` starts it if it is its turn.

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
        elif job.live and self._farm_jobs.cancel(job):
            job.state = JobState.CANCELLING
            self._touched.append(job)

    def pause(self, job: Job) -> None:
        """Pause the running job after its current step; the others keep waiting.

        Raises
        ------
        SjcError
            ``farm_no_pause`` for a job that a farm runs.
        """
        if job.farm is not None and job.live:
            raise SjcError(
                "farm_no_pause",
                f"The job {job.id} runs on the farm at {job.farm.address}, which cannot pause jobs.",
                "Cancel it: it keeps a checkpoint, and resuming it continues from there.",
            )
        if job is self._running and self._process is not None and job.state is JobState.RUNNING:
            self._process.say(events.PAUSE)
            job.pausing = True
            self._touched.append(job)

    def unpause(self, job: Job) -> None:
        """End a pause, or withdraw the request for one."""
        if job is self._running and self._process is not None and job.pausing:
            self._process.say(events.GO_ON)
            job.pausing = False
            self._touched.append(job)

    def move(self, job: Job, places: int) -> None:
        """Move a waiting job in the queue by `places`, towards the front if negative, as far as possible."""
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
        """Remove ended jobs from the list, all or those of a folder; their files are kept."""

        def stays(job: Job) -> bool:
            return not self.may_go(job) or folder not in (None, job.folder.path)

        self._jobs = [job for job in self._jobs if stays(job)]

    def pump(self) -> list[Job]:
        """Process events and start the next job, without waiting; return the jobs that changed."""
        changed, self._touched = self._touched, []
        running = self._running
        if running is not None and self._attend(running):
            changed.append(running)
        changed += self._farm_jobs.attend(self._jobs)
        waiting = (job for job in self._jobs if job.state is JobState.QUEUED and job.farm is None)
        first = next((job for job in waiting if not self._is_put_off(job)), None)
        if first is not None and self._process is None and not self._waits(first):
            self._launch(first)
            changed.append(first)
        changed = list(dict.fromkeys(changed))
        for job in changed:
            job.notify()
        return changed

    def ask_to_end(self, grace: float) -> None:
        """Cancel the jobs of this computer, and let the engine and the farms' senders end within `grace` seconds."""
        for job in self._jobs:
            if job.farm is None:
                self.cancel(job)
        self._farm_jobs.leave(grace)
        if self._process is not None:
            self._process.cancel(grace)

    def _attend(self, job: Job) -> bool:
        """Process the events of the running engine; return True if anything changed."""
        process = self._process
        assert process is not None
        told, ended = process.advance()
        for event in told:
            job.apply(event)
        if not ended:
            if not job.live:
                process.end_within(EXIT_SECONDS)
            return bool(told)
        if job.live:
            self._end_untold(job, process)
        elif job.patient and job.error is not None and job.error.code == "engine_busy":
            job.state, job.error, job._put_off = JobState.QUEUED, None, True  # another session was faster
        process.close()
        self._process = None
        self._running = None
        return True

    def _is_put_off(self, job: Job) -> bool:
        """Return whether a patient job lets others go first because another session works in its folder."""
        if not job.patient or self._process is not None:
            return False
        phase = ELSEWHERE if job.folder.busy else ""
        job._put_off |= bool(phase)
        if phase != job.phase:
            job.phase = phase
            self._touched.append(job)
        return bool(phase)

    def _waits(self, job: Job) -> bool:
        """Return whether another engine works in the folder of the next job, and may end soon."""
        if not job.folder.busy:
            return False
        if self._patience is None or self._patience[0] is not job:
            self._patience = (job, time.monotonic() + BUSY_SECONDS)
        return time.monotonic() < self._patience[1]

    def _launch(self, job: Job) -> None:
        if job.folder.busy:
            job.fail(engine_busy(job.folder))
            return
        if job._put_off and job.folder.is_done(wanted_outputs(job.spec)):
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
        """End a job whose engine ended without reporting its end."""
        if job.state is JobState.CANCELLING:
            job.state = JobState.CANCELLED
        else:
            job.fail(_engine_died(job.folder, process))


def _engine_died(folder: JobFolder, process: EngineProcess) -> SjcError:
    code = process.return_code
    assert code is not None
    again = "resume the job; its last checkpoint is kept." if folder.has(folder.checkpoint) else "start the job again."
    if platform_process.ended_for_memory(code):
        hint = (
            "Usually the system ended it because memory ran out: close other programs, or choose a quicker "
            f"preset or a lower field resolution, then {again}"
        )
    else:
        hint = f"{folder.log_path} has everything it said. When the cause is mended, {again}"
    return SjcError("engine_died", process.told_end("the job was done"), hint)


QUEUE = JobQueue()
"""The queue of this Blender session."""
