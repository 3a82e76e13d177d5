"""What can be done to the jobs of this session while they run or wait."""

from __future__ import annotations

from . import job_queue, pump
from .job_queue import Job


def pause(which: Job | str) -> None:
    """Let a running job hold still after its current step; it keeps its memory, and writes a checkpoint.

    Parameters
    ----------
    which : Job or its id
        Nothing happens to one that is not running. Jobs in line wait on.
    """
    job_queue.QUEUE.pause(_job(which))
    pump.ensure_running()


def unpause(which: Job | str) -> None:
    """Let a paused job go on."""
    job_queue.QUEUE.unpause(_job(which))
    pump.ensure_running()


def move(which: Job | str, places: int) -> None:
    """Move a waiting job in line: to the front with negative `places`, to the back with positive ones."""
    job_queue.QUEUE.move(_job(which), places)
    pump.ensure_running()


def clear(which: Job | str | None = None) -> None:
    """Take jobs that have ended off this session's list; what they made, and their folders, stay.

    Parameters
    ----------
    which : Job, its id, or None
        None: all that have ended.
    """
    job_queue.QUEUE.forget_ended(None if which is None else _job(which).folder.path)
    pump.tell()


def _job(which: Job | str) -> Job:
    return which if isinstance(which, Job) else job_queue.QUEUE.find(which)
