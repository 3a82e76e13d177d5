# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs submitted to a farm, and their outcomes."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import hashlib
import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dask
from distributed import Client, Future, fire_and_forget
from distributed.client import ClosedClientError
from distributed.core import RPCClosed

from ..protocol import events
from ..protocol.errors import SjcError
from ..protocol.job_folder import JobFolder, wanted_outputs
from ..protocol.outside_file import is_there
from .connection import Connection
from .identity import MODEL, no_scheduler, require_same_version
from .job_unit import Outcome, State
from .scheduler import SETTINGS, quiet
from .task import Answer, Order, run_order, stop_order, topic_of
from .travelling_folder import packed_job, unpack_result

TRIES = 3
"""Number of failures after which a job is given up."""

BACK_OFF_SECONDS = (2.0, 10.0)
"""Seconds before the second and the third attempt."""

POLL_SECONDS = 0.3
WAITING = {"no-worker", "queued", "waiting"}
"""States of Dask's tasks that no worker has."""

LOOK_SECONDS = 5.0
"""Seconds between two checks of the workers' models."""

CONNECT_SECONDS = 10.0
RECONNECT_SECONDS = (1.0, 2.0, 5.0, 10.0)

LOST = (OSError, TimeoutError, asyncio.CancelledError, concurrent.futures.CancelledError, ClosedClientError, RPCClosed)
"""What Dask raises for a question that the scheduler did not live to answer, also where it is back by now."""


@dataclass(eq=False)
class FarmJob:
    """One submitted job.

    Attributes
    ----------
    folder : JobFolder
    name : str
        What the farm calls it: the folder's name, and a digest of its path where two have the same.
    failures : int
    failed_on : set of str
        Addresses of the workers on which it failed.
    outcome : Outcome or None
        None: not ended yet.
    """

    folder: JobFolder
    name: str
    failures: int = 0
    failed_on: set[str] = field(default_factory=set)
    outcome: Outcome | None = None
    future: Future | None = None
    not_before: float = 0.0
    order: Order | None = None
    resources: dict[str, float] = field(default_factory=dict)
    wanted: bool = False
    stopping: bool = False
    stopped: bool = False
    warned: str = ""
    heard_by: Client | None = None


class Submission:
    """Gives jobs to a scheduler and waits for their results, over lost connections and restarts of the scheduler.

    Parameters
    ----------
    folders : sequence of JobFolder
    shared : bool
        Whether the workers reach the folders; otherwise jobs travel there, and their results back.
    priority : int
        Jobs of a higher one go first.
    tell : callable
        Told every event of a job.
    ended : callable
        Told of each job when its outcome is known.
    say : callable
        Told, in a sentence, what happens to the farm.
    patience : float
        Seconds for which the scheduler may be away.
    """

    def __init__(
        self,
        where: Connection,
        folders: Sequence[JobFolder],
        *,
        shared: bool,
        priority: int,
        tell: Callable[[FarmJob, events.Event], None],
        ended: Callable[[FarmJob], None],
        say: Callable[[str], None],
        patience: float,
    ) -> None:
        self.where = where
        self.shared = shared
        self.priority = priority
        self.tell = tell
        self.ended = ended
        self.say = say
        self.patience = patience
        self.jobs: list[FarmJob] = []
        self._client: Client | None = None
        self._look_again = 0.0
        self._asked: queue.SimpleQueue[tuple[JobFolder, bool]] = queue.SimpleQueue()
        for folder in folders:
            self.add(folder)

    def add(self, folder: JobFolder) -> None:
        """Add a job; may be called from any thread."""
        self._asked.put((folder, True))

    def cancel(self, folder: JobFolder) -> None:
        """Stop a job of this submission with a checkpoint; may be called from any thread."""
        self._asked.put((folder, False))

    def run(self, stop: Callable[[], bool], more: Callable[[], bool] = lambda: False) -> list[FarmJob]:
        """Wait for all jobs; return them with their outcomes. After `stop` they are left to the farm.

        Parameters
        ----------
        stop : callable
            Whether to leave.
        more : callable
            Whether jobs may still be added.

        Raises
        ------
        SjcError
            ``farm_no_scheduler``, ``farm_other_version``, ``bad_keys``.
        """
        dask.config.set(SETTINGS)
        quiet()
        try:
            while not stop():
                self._hear()
                if any(job.outcome is None for job in self.jobs):
                    client = self._connected(stop)
                    if client is None:
                        break
                    try:
                        self._round(client)
                    except (Exception, asyncio.CancelledError) as error:  # the next round connects again
                        if not isinstance(error, LOST) and client.status == "running":
                            raise
                elif not more():
                    break
                time.sleep(POLL_SECONDS)
        finally:
            self._disconnect()
        return self.jobs

    def _hear(self) -> None:
        """Process the requests since the last round."""
        with contextlib.suppress(queue.Empty):
            while True:
                folder, wanted = self._asked.get_nowait()
                job = next((job for job in self.jobs if job.folder.path == folder.path and job.outcome is None), None)
                if wanted and job is None:
                    job = _farm_job(folder)
                    self.jobs.append(job)
                    self._look(job)
                elif not wanted and job is not None:
                    job.stopping = True

    def _round(self, client: Client) -> None:
        jobs = [job for job in self.jobs if job.outcome is None]
        fresh = [job for job in jobs if not job.wanted and not job.stopping]
        if fresh:
            client.sync(client.scheduler.sjc_want, names=[job.name for job in fresh])
        for job in fresh:
            job.wanted = True
        stopping = [job for job in jobs if job.stopping and not job.stopped]
        if stopping:
            stop_jobs(client, [job.name for job in stopping])
        for job in stopping:
            job.stopped = True
        for job in jobs:
            if job.heard_by is not client:
                client.subscribe_topic(topic_of(job.name), lambda message, job=job: self._heard(job, message))
                job.heard_by = client
            self._attend(client, job)
            if job.stopped and job.outcome is None and job.future is not None:
                self._take_back(client, job, job.future)
        self._tell_what_is_missing(client, jobs)

    def _tell_what_is_missing(self, client: Client, jobs: Sequence[FarmJob]) -> None:
        """Warn about each job that no present worker can run."""
        if time.monotonic() < self._look_again:
            return
        self._look_again = time.monotonic() + LOOK_SECONDS
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        models = set().union(*(worker.get("resources") or () for worker in workers))
        for job in jobs:
            missing = [name.removeprefix(MODEL) for name in job.resources if name not in models]
            if job.future is None or (workers and not missing):
                continue
            need = f"has the model {missing[0]}" if missing and workers else "is connected"
            sentence = f"No worker of the farm {need} yet; the job waits for one."
            if job.warned != sentence:
                job.warned = sentence
                self.tell(job, events.Warned(sentence))

    def _take_back(self, client: Client, job: FarmJob, future: Future) -> None:
        """End a job that is to stop and is not running: perhaps no worker would ever take it."""
        if client.run_on_scheduler(state_of, key=future.key) in WAITING:
            client.cancel([future], force=True)
            self._settle(job, Outcome(State.STOPPED, computed=False))

    def _settle(self, job: FarmJob, outcome: Outcome) -> None:
        job.outcome = outcome
        self.ended(job)

    def _look(self, job: FarmJob) -> None:
        """Settle a job whose result exists or whose folder is unusable; return an order for any other."""
        try:
            spec = job.folder.read_spec()
            if job.folder.is_done(wanted_outputs(spec)):
                self._settle(job, Outcome(State.DONE, computed=False))
                return
            files = None if self.shared else packed_job(job.folder)
        except (SjcError, OSError) as error:
            code = error.code if isinstance(error, SjcError) else "no_job"
            self._settle(job, Outcome(State.FAILED, code, str(error), computed=False))
            return
        job.order = Order(job.name, str(job.folder.path.absolute()), files)
        for source in filter(None, (spec.model.source, spec.model.control)):
            if source == "builtin" or (source.count("/") == 1 and not is_there(Path(source))):
                job.resources[f"{MODEL}{source}"] = 1

    def _connected(self, stop: Callable[[], bool]) -> Client | None:
        """Return a client that is connected; None if `stop` came before there was one."""
        if self._client is not None and self._client.status == "running":
            return self._client
        first = self._client is None
        if not first:
            self.say(f"The scheduler at {self.where.address} is gone; waiting for it.")
        self._disconnect()
        end, waits = time.monotonic() + (0 if first else self.patience), 0
        while not stop():
            try:
                self._client = self._connect()
                if not first:
                    self.say(f"The scheduler at {self.where.address} is back.")
                return self._client
            except SjcError as error:
                if error.code != "farm_no_scheduler" or time.monotonic() > end:
                    raise
            time.sleep(RECONNECT_SECONDS[min(waits, len(RECONNECT_SECONDS) - 1)])
            waits += 1
        return None

    def _connect(self) -> Client:
        client = connected_client(self.where)
        for job in self.jobs:
            job.future = None
        return client

    def _disconnect(self) -> None:
        if self._client is not None:
            with contextlib.suppress(Exception):
                self._client.close(timeout=2)

    def _heard(self, job: FarmJob, message: Any) -> None:
        event = events.from_line(message[1]) if isinstance(message, tuple) and isinstance(message[1], str) else None
        if event is not None:
            self.tell(job, event)

    def _attend(self, client: Client, job: FarmJob) -> None:
        future = job.future
        if future is None:
            if job.stopping and not job.wanted:
                self._settle(job, Outcome(State.STOPPED, computed=False))
            elif time.monotonic() >= job.not_before:
                self._submit(client, job)
        elif future.status == "finished":
            self._take(job, future.result())
        elif future.status == "error":
            error = future.exception()
            self._failed(job, "", Outcome(State.FAILED, "farm_worker_error", f"A worker failed: {error}."))
        elif future.status in ("cancelled", "lost"):
            job.future = None

    def _submit(self, client: Client, job: FarmJob) -> None:
        others: list[str] | None = None
        if job.failed_on:
            others = [
                address for address in client.scheduler_info(n_workers=-1)["workers"] if address not in job.failed_on
            ]
        job.future = client.submit(
            run_order,
            job.order,
            key=f"sjc-{job.name}-{job.failures}",
            pure=False,
            priority=self.priority,
            resources=job.resources or None,
            workers=others or None,
            allow_other_workers=False,
        )
        # The farm goes on when this process ends.
        fire_and_forget(job.future)

    def _take(self, job: FarmJob, answer: Answer) -> None:
        job.future = None
        outcome = answer.outcome
        if outcome.state is State.FAILED:
            self._failed(job, answer.worker, outcome)
            return
        if answer.files is not None:
            try:
                unpack_result(answer.files, job.folder)
            except SjcError as error:
                outcome = Outcome(State.FAILED, error.code, error.message, error.hint)
        self._settle(job, outcome)

    def _failed(self, job: FarmJob, worker: str, outcome: Outcome) -> None:
        job.future = None
        job.failures += 1
        if worker:
            job.failed_on.add(worker)
        if job.failures >= TRIES or job.stopping:
            self._settle(job, outcome)
            return
        wait = BACK_OFF_SECONDS[min(job.failures - 1, len(BACK_OFF_SECONDS) - 1)]
        job.not_before = time.monotonic() + wait
        self.say(
            f"{job.name} failed ({outcome.code}) and is tried again in {wait:.0f} s, on another worker if there is one."
        )


def connected_client(where: Connection) -> Client:
    """Connect; SjcError ``farm_no_scheduler``, ``farm_other_version``, ``bad_keys``."""
    security = where.security()
    try:
        client = Client(where.address, security=security, timeout=CONNECT_SECONDS, set_as_default=False)
    except (*LOST, ValueError) as error:
        raise no_scheduler(where, error) from error
    try:
        client.sync(require_same_version, where)
    except (SjcError, *LOST) as error:
        client.close(timeout=2)
        if isinstance(error, SjcError):
            raise
        raise no_scheduler(where, error) from error
    return client


def stop_jobs(client: Client, names: Sequence[str]) -> None:
    """Let jobs stop: where they run with a checkpoint, and the others when it is their turn."""
    client.sync(client.scheduler.sjc_stop, names=list(names))
    for name in names:
        client.run(stop_order, name, on_error="ignore")


def state_of(key: str, dask_scheduler: Any) -> str:
    """Return how Dask calls the state of a task; called by `Client.run_on_scheduler`."""
    task = dask_scheduler.tasks.get(key)
    return "" if task is None else str(task.state)


def farm_name(folder: Path) -> str:
    """Return what a farm calls the job in a folder: the folder's name, and a digest of its path."""
    path = folder.absolute()
    return f"{path.name}-{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"


def _farm_job(folder: JobFolder) -> FarmJob:
    return FarmJob(folder, farm_name(folder.path))
