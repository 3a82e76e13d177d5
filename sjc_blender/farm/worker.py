# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker: a process that runs one job at a time and reconnects to its scheduler."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import dask
from distributed import Status, Worker

from ..protocol.errors import SjcError
from .connection import Connection
from .identity import MODEL, local_models, require_same_version, version
from .scheduler import SETTINGS, quiet
from .task import Site

RETRY_SECONDS = (1.0, 2.0, 5.0, 10.0, 15.0)
"""Seconds before each attempt to reconnect; the last value is repeated."""

SCRATCH = "scratch"

CLOSE_SECONDS = 180
"""Seconds for the job's current step and its checkpoint when the worker ends."""


async def join(
    where: Connection, site: Site, name: str, stop: asyncio.Event, tell: Callable[[str], None], patience: float
) -> None:
    """Work for the scheduler until `stop` is set.

    Parameters
    ----------
    name : str
        What the worker is called.
    tell : callable
        Told in sentences when the scheduler is found, lost and found again.
    patience : float
        Seconds for which the scheduler may be away before this worker gives up.

    Raises
    ------
    SjcError
        ``farm_no_scheduler``, ``farm_other_version``, ``bad_keys``.
    """
    dask.config.set(SETTINGS)
    quiet()
    failures, lost_at = 0, asyncio.get_running_loop().time()
    while not stop.is_set():
        try:
            await require_same_version(where)
        except SjcError as error:
            if error.code != "farm_no_scheduler" or asyncio.get_running_loop().time() - lost_at > patience:
                raise
            tell(f"No scheduler at {where.address} yet; trying again.") if failures == 0 else None
            delay = RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)]
            failures += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), delay)
            continue
        failures = 0
        await _work(where, site, name, stop, tell)
        lost_at = asyncio.get_running_loop().time()


async def _work(where: Connection, site: Site, name: str, stop: asyncio.Event, tell: Callable[[str], None]) -> None:
    worker = Worker(
        where.address,
        nthreads=1,
        name=name,
        security=where.security(),
        resources={f"{MODEL}{model}": 1_000 for model in local_models()},
        startup_information={"sjc": lambda _worker: {"version": version(), "models": local_models()}},
        local_directory=str(site.spool / SCRATCH),  # Dask clears away there what killed workers left
        memory_limit=0,  # the engine runs in a process of its own, and looks after its memory itself
        plugins=(site,),
    )
    try:
        await worker
    except (OSError, TimeoutError, RuntimeError) as error:
        tell(f"The scheduler at {where.address} did not take this worker: {error}")
        await asyncio.sleep(RETRY_SECONDS[0])
        return
    tell(f"{name} works for {where.address}.")
    ended = asyncio.ensure_future(worker.finished())
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    # Its job stops with a checkpoint, whether this worker ends or has lost its scheduler: another may go on.
    site.closing.set()
    with contextlib.suppress(Exception):
        await worker.close(timeout=CLOSE_SECONDS, executor_wait=True)
    await asyncio.to_thread(worker.executors["default"].shutdown, True)
    if not stop.is_set():
        assert worker.status is not Status.running
        site.closing.clear()
        tell(f"The scheduler at {where.address} is gone.")
