# SPDX-License-Identifier: GPL-3.0-or-later
"""The known jobs of all sessions: the user's index, the history, and the interrupted jobs."""

from __future__ import annotations

import time
from concurrent.futures import Future
from pathlib import Path

from .. import job_location
from ..in_thread import in_thread
from . import job_queue
from .job import Job
from .job_index import JobIndex
from .job_records import JobRecord, RecordState, read_records

records: list[JobRecord] = []
"""Records of the last scan, newest first."""

_scan: Future[list[JobRecord]] | None = None
"""Reads the folders, of which there may be hundreds on a slow disk."""
_stale = False


def index_path() -> Path:
    """Return the path of the index, in the add-on's user folder."""
    return job_location.jobs_folders()[-1] / "index.json"


def index() -> JobIndex:
    """Return the user's index."""
    return JobIndex(index_path())


job_location.INDEXES.append(lambda: index().entries())


def refresh() -> None:
    """Start to scan all folders again; `poll` takes the records."""
    global _scan, _stale
    if _scan is not None:
        _stale = True
        return
    indexed, parents = index().entries(), [*job_location.jobs_folders()[:-1], index_path().parent]
    _scan = in_thread(lambda: read_records(indexed, parents), "SJC history")


def poll() -> bool:
    """Take the records of a finished scan; return True if there are any."""
    global _scan, _stale, records
    scan = _scan
    if scan is None or not scan.done():
        return False
    _scan = None
    records = scan.result()
    if _stale:
        _stale = False
        refresh()
    return True


def scanning() -> bool:
    """Return whether a scan is running."""
    return _scan is not None


def scan_now(seconds: float = 30.0) -> list[JobRecord]:
    """Scan all folders, and wait for it."""
    refresh()
    end = time.monotonic() + seconds
    while scanning() and time.monotonic() < end:
        poll()
        time.sleep(0.001)
    return records


def offers() -> list[JobRecord]:
    """Return interrupted jobs that are not running again; newest first."""
    live = {job.folder.path for job in job_queue.QUEUE.jobs}
    return [record for record in records if record.offered and record.folder.path not in live]


def history() -> list[JobRecord]:
    """Return the jobs that are neither interrupted nor live; newest first."""
    apart = {job.folder.path for job in job_queue.QUEUE.jobs if job.live}
    apart |= {record.folder.path for record in offers()}
    return [record for record in records if record.folder.path not in apart and record.state is not RecordState.WAITING]


def note(changed: list[Job]) -> None:
    """Record changed jobs: those that ended are settled and become part of the history."""
    ended = [job for job in changed if not job.live]
    if not ended:
        return
    entries = index().entries()
    open_still = [job.folder.path for job in ended if entries.get(job.folder.path)]
    if open_still:
        index().settle(*open_still)
    refresh()
