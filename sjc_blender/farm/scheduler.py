# SPDX-License-Identifier: GPL-3.0-or-later
"""The scheduler, which assigns jobs to workers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

import dask
from distributed import Scheduler

from ..protocol.errors import SjcError
from .connection import Connection
from .identity import version

SETTINGS = {
    # A worker has one job at a time and none in store: the next free worker takes the next job.
    "distributed.scheduler.worker-saturation": 1.0,
    # A killed worker is not a failure of its job; failures of jobs are counted by the sender.
    "distributed.scheduler.allowed-failures": 10_000,
    # A worker whose job takes all of its machine's time answers late.
    "distributed.scheduler.worker-ttl": "2 minutes",
    "distributed.comm.timeouts.connect": "15s",
    "distributed.comm.timeouts.tcp": "60s",
}


async def serve(
    where: Connection, stop: asyncio.Event, dashboard: int | None, ready: Callable[[str, str], None]
) -> None:
    """Run a scheduler until `stop` is set.

    Parameters
    ----------
    dashboard : int or None
        Port of Dask's status pages, on this machine's loopback alone; None: no pages.
    ready : callable
        Told the scheduler's address and the link of its pages (empty: none).

    Raises
    ------
    SjcError
        ``farm_port_taken``, ``bad_keys``.
    """
    dask.config.set(SETTINGS)
    quiet()
    options: dict[str, Any] = {"dashboard": dashboard is not None, "dashboard_address": f"127.0.0.1:{dashboard or 0}"}
    try:
        scheduler = Scheduler(
            host=where.host,
            port=where.port,
            protocol=where.protocol,
            security=where.security(),
            extensions=_extensions(),
            **options,
        )
        await scheduler
    except OSError as error:
        raise SjcError(
            "farm_port_taken",
            f"No scheduler can listen at {where.address}: {error.strerror or error}.",
            "End the program that uses the port, or give another: --port 0 takes any free one.",
        ) from error
    try:
        page = f"http://127.0.0.1:{scheduler.http_server.port}/status" if dashboard is not None else ""
        ready(scheduler.address, page)
        await stop.wait()
    finally:
        with contextlib.suppress(Exception):
            await scheduler.close(fast=True)


class FarmExtension:
    """What the scheduler of a farm answers beside Dask's own: its release, and which jobs are to stop."""

    def __init__(self, scheduler: Any) -> None:
        self.stopped: set[str] = set()
        scheduler.handlers |= {
            "sjc_version": self.version,
            "sjc_stop": self.stop,
            "sjc_want": self.want,
            "sjc_is_stopped": self.is_stopped,
        }

    async def version(self) -> str:
        """Return the release."""
        return version()

    async def stop(self, names: list[str]) -> None:
        """Remember that jobs are to stop."""
        self.stopped |= set(names)

    async def want(self, names: list[str]) -> None:
        """Take back that jobs were to stop."""
        self.stopped -= set(names)

    async def is_stopped(self, name: str) -> bool:
        """Whether a job is to stop."""
        return name in self.stopped


def quiet() -> None:
    """Restrict Dask's log to errors."""
    logging.getLogger("distributed").setLevel(logging.ERROR)


def _extensions() -> dict[str, type]:
    from distributed.scheduler import DEFAULT_EXTENSIONS

    return {**DEFAULT_EXTENSIONS, "sjc": FarmExtension}
