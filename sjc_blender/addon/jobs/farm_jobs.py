# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs of this session that run on farms: one sender per farm submits them. Knows no bpy."""

from __future__ import annotations

from collections.abc import Sequence

from ...protocol.errors import SjcError
from ..process.farm_process import Farm, FarmProcess
from .job import Job, JobState

AT_THE_FARM = "waiting for the farm"
"""The phase of a submitted job until a worker reports on it."""


class FarmJobs:
    """Submits jobs to their farms, and processes their events."""

    def __init__(self) -> None:
        self._senders: dict[Farm, FarmProcess] = {}

    @property
    def live(self) -> bool:
        """Whether a sender has not ended yet."""
        return bool(self._senders)

    def attend(self, jobs: Sequence[Job]) -> list[Job]:
        """Submit waiting jobs to their farms, and process events; return the jobs that changed."""
        changed = [job for job in jobs if job.farm is not None and job.state is JobState.QUEUED]
        for job in changed:
            self._give(job)
        for farm, sender in list(self._senders.items()):
            told, ended = sender.advance()
            given = {job.folder.path: job for job in jobs if job.farm == farm and job.live}
            for folder, event in told:
                if folder in given:
                    given[folder].apply(event)
                    changed.append(given[folder])
            left = [job for job in given.values() if job.live]
            if ended:
                for job in left:
                    _end_of_sender(job, farm, sender)
                changed += left
                sender.close()
                del self._senders[farm]
            elif not left:
                sender.leave()
        return changed

    def cancel(self, job: Job) -> bool:
        """Stop a job after its current step; return False if no farm has it."""
        if job.farm not in self._senders:
            return False
        self._senders[job.farm].stop_job(job.folder.path)
        return True

    def leave(self, grace: float) -> None:
        """Let the senders end, within `grace` seconds; their jobs go on."""
        for sender in self._senders.values():
            sender.leave()
            sender.end_within(grace)

    def _give(self, job: Job) -> None:
        assert job.farm is not None
        sender = self._senders.get(job.farm)
        if sender is not None and (sender.left or sender.ended):
            return  # the next call starts another
        if sender is None:
            try:
                sender = FarmProcess.connect(job.interpreter, job.farm, job.folder.log_path)
            except SjcError as error:
                job.fail(error)
                return
            self._senders[job.farm] = sender
        sender.give(job.folder.path)
        job.state, job.phase = JobState.RUNNING, AT_THE_FARM


def _end_of_sender(job: Job, farm: Farm, sender: FarmProcess) -> None:
    """End a job whose sender ended before it."""
    if job.state is JobState.CANCELLING:
        job.state = JobState.CANCELLED
        return
    words = " ".join(sender.last_words(2)).removeprefix("Error: ")
    job.fail(
        SjcError(
            "farm_lost",
            f"The connection to the farm at {farm.address} ended before the job was done. {words}".rstrip(),
            "The farm may still finish it: look with `farm status`, and resume the job to follow it again.",
        )
    )
