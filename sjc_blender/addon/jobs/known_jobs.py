# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs of this and of earlier sessions: the index, its newest records, and what is offered to go on with."""

from __future__ import annotations

import time
from pathlib import Path

from .. import job_location
from . import job_queue
from .job import Job
from .job_history import JobRecord, RecordState, Scan
from .job_index import JobIndex

records: list[JobRecord] = []
"""What the last scan found, newest first."""

_scan: Scan | None = None
_stale = False


def index_path() -> Path:
    """Where the index lies: in the user's own folder of the add-on."""
    return job_location.jobs_folders()[-1] / "index.json"


def index() -> JobIndex:
    """Give the user's index."""
    return JobIndex(index_path())


job_location.INDEXES.append(lambda: index().entries())


def refresh() -> None:
    """Begin to look at all folders again; `poll` takes in what is found."""
    global _scan, _stale
    if _scan is not None:
        _stale = True
        return
    beside = job_location.jobs_folders()[:-1]
    _scan = Scan(index().entries(), [*beside, index_path().parent])


def poll() -> bool:
    """Take in a scan that has ended; True if there is news."""
    global _scan, _stale, records
    found = _scan.found if _scan is not None else None
    if found is None:
        return False
    records, _scan = found, None
    if _stale:
        _stale = False
        refresh()
    return True


def scanning() -> bool:
    """Whether a scan is under way."""
    return _scan is not None


def scan_now(seconds: float = 30.0) -> list[JobRecord]:
    """Look at all folders, and wait for it."""
    refresh()
    end = time.monotonic() + seconds
    while scanning() and time.monotonic() < end:
        poll()
        time.sleep(0.001)
    return records


def offers() -> list[JobRecord]:
    """Jobs that were interrupted and are not at work again; newest first."""
    live = {job.folder.path for job in job_queue.QUEUE.jobs}
    return [record for record in records if record.offered and record.folder.path not in live]


def history() -> list[JobRecord]:
    """Every job that is neither offered nor live; newest first."""
    apart = {job.folder.path for job in job_queue.QUEUE.jobs if job.live}
    apart |= {record.folder.path for record in offers()}
    return [record for record in records if record.folder.path not in apart and record.state is not RecordState.WAITING]


def note(changed: list[Job]) -> None:
    """Take in that jobs changed: those that ended are settled, and part of the history."""
    ended = [job for job in changed if not job.live]
    if not ended:
        return
    entries = index().entries()
    open_still = [job.folder.path for job in ended if entries.get(job.folder.path)]
    if open_still:
        index().settle(*open_still)
    refresh()
