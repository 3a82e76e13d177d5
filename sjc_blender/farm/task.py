# SPDX-License-Identifier: GPL-3.0-or-later
"""The order that a worker receives for one job, and its answer."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distributed import Reschedule, WorkerPlugin, get_worker
from distributed.utils import sync

from ..protocol import events
from ..protocol.errors import SjcError
from ..protocol.job_folder import JobFolder
from .job_unit import Outcome, State, run_unit
from .path_map import PathMap
from .travelling_folder import Files, packed_result, unpack_job

PLUGIN = "sjc"

PROGRESS_SECONDS = 1.0
"""Least time between two reports of progress over the network."""

BUSY_SECONDS, BUSY_TRIES = 2.0, 15
"""How long an engine that is still ending in the folder is waited for; then another task has its turn."""


@dataclass(frozen=True)
class Order:
    """One job for a worker.

    Attributes
    ----------
    name : str
        What it is called in the farm; the same for every try.
    folder : str
        The job's folder as the sender names it.
    files : dict or None
        The job itself, where the folder is not shared; None: it is.
    """

    name: str
    folder: str
    files: Files | None = None


@dataclass(frozen=True)
class Answer:
    """The outcome of an order; `files` is the result where the folder is not shared."""

    outcome: Outcome
    worker: str
    files: Files | None = None


class Site(WorkerPlugin):
    """State of a worker's process: names of shared folders, a folder of its own, and the jobs to stop.

    Parameters
    ----------
    spool : Path
        Folder for the jobs of machines that share no disk; a job that was begun here goes on here.
    """

    name = PLUGIN

    def __init__(self, paths: PathMap, spool: Path) -> None:
        self.paths = paths
        self.spool = spool
        self.closing = threading.Event()
        self.running: set[str] = set()
        self.stopped: set[str] = set()

    def folder_for(self, order: Order) -> JobFolder:
        """Return the folder of a job on this machine, with the job in it; SjcError as of `unpack_job`."""
        if order.files is None:
            return JobFolder(self.paths.here(order.folder))
        folder = JobFolder(self.spool / "jobs" / order.name)
        unpack_job(order.files, folder)
        return folder


@dataclass
class _Forwarded:
    """Sends events to subscribers, with a limited rate of progress events."""

    topic: str
    worker: Any
    _sent: float = field(default=0.0)

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.Progress):
            now = time.monotonic()
            if now - self._sent < PROGRESS_SECONDS and event.step < event.total:
                return
            self._sent = now
        self.worker.log_event(self.topic, events.to_line(event))


def topic_of(name: str) -> str:
    """Return the topic that a job's events have in the scheduler."""
    return f"sjc {name}"


def run_order(order: Order) -> Answer:
    """Run a job on this worker; called by Dask in a thread."""
    worker = get_worker()
    site: Site = worker.plugins[PLUGIN]
    if sync(worker.loop, worker.scheduler.sjc_is_stopped, name=order.name):
        return Answer(Outcome(State.STOPPED, computed=False), worker.address)
    tell = _Forwarded(topic_of(order.name), worker)
    try:
        folder = site.folder_for(order)
    except SjcError as error:
        return Answer(Outcome(State.FAILED, error.code, error.message, error.hint, computed=False), worker.address)
    site.running.add(order.name)
    try:
        outcome = _attempts(folder, order, site, tell)
        wanted = order.name in site.stopped
    finally:
        site.running.discard(order.name)
        site.stopped.discard(order.name)
    if outcome.state is State.BUSY or (outcome.state is State.STOPPED and not wanted):
        raise Reschedule
    files = packed_result(folder) if order.files is not None and outcome.state is State.DONE else None
    return Answer(outcome, worker.address, files)


def _attempts(folder: JobFolder, order: Order, site: Site, tell: _Forwarded) -> Outcome:
    """Run the unit; where another engine is still ending in its folder, wait for that one."""
    for attempt in range(BUSY_TRIES):
        if attempt and site.closing.wait(BUSY_SECONDS):
            break
        outcome = run_unit(folder, tell, lambda: site.closing.is_set() or order.name in site.stopped)
        if outcome.state is not State.BUSY:
            return outcome
    return Outcome(State.BUSY)


def stop_order(name: str, dask_worker: Any) -> None:
    """Let the job `name` stop on this worker; called by `distributed.Client.run`."""
    site: Site | None = dask_worker.plugins.get(PLUGIN)
    if site is not None and name in site.running:
        site.stopped.add(name)
