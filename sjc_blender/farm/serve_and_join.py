# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of a farm on this machine: a scheduler, and workers that are started again when they die."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..protocol.errors import SjcError
from ..protocol.exit_codes import EXIT_CANCELLED, EXIT_FAILED, EXIT_OK
from ..protocol.home import home_folder
from .connection import Connection, connection
from .identity import graphics_cards
from .path_map import path_map
from .scheduler import serve
from .task import Site
from .worker import CLOSE_SECONDS, join

PROGRAM = (sys.executable, "-u", "-X", "utf8", "-m", "sjc_blender.engine", "farm", "join")
AGAIN_SECONDS = 2.0
"""Seconds before a worker that died is restarted."""


def serve_here(arguments: argparse.Namespace) -> int:
    """Run ``farm serve``."""
    where = connection(f"{arguments.host}:{arguments.port}", arguments.keys)
    where.security()
    workers: list[_WorkerProcess] = []

    def ready(address: str, page: str) -> None:
        port = int(address.rpartition(":")[2])
        print(f"Scheduler: {address}", flush=True)
        if page:
            print(f"Status pages: {page}", flush=True)
        host = "127.0.0.1" if arguments.host in {"0.0.0.0", "::"} else arguments.host  # noqa: S104  # compared
        here = Connection(host, port, arguments.keys)
        keys = f" --keys {arguments.keys}" if arguments.keys else ""
        print(f"Other machines: farm join {socket.gethostname()}:{port}{keys and ' --keys FOLDER'}", flush=True)
        count = arguments.workers if arguments.workers is not None else graphics_cards() or 1
        workers.extend(_started(here, arguments, count))

    async def main() -> None:
        stop = asyncio.Event()
        _set_on_signals(stop)
        keeper = asyncio.create_task(_keep(workers, stop))
        try:
            await serve(where, stop, arguments.dashboard, ready)
        finally:
            stop.set()
            await keeper

    asyncio.run(main())
    return EXIT_OK


def join_here(arguments: argparse.Namespace) -> int:
    """Run ``farm join``: one worker in this process, or one process each for several."""
    where = connection(arguments.address, arguments.keys)
    where.security()
    cards = graphics_cards()
    count = arguments.workers if arguments.workers is not None else cards or max(1, (os.cpu_count() or 1) // 2)
    if count == 1:
        return _work(where, arguments)
    workers = _started(where, arguments, count)

    async def main() -> int:
        stop = asyncio.Event()
        _set_on_signals(stop)
        await _keep(workers, stop)
        return EXIT_CANCELLED if stop.is_set() else EXIT_FAILED

    return asyncio.run(main())


def _own_spool() -> Path:
    """Return the default folder for jobs of machines that share no disk."""
    home = home_folder()
    state = os.environ.get("XDG_STATE_HOME") or (home / ".local/state" if home is not None else None)
    if state is None:
        raise SjcError(
            "no_home_folder",
            "There is no home folder for the farm's jobs.",
            "Name a folder with --spool, or set the environment variable HOME or XDG_STATE_HOME.",
        )
    return Path(state) / "sjc_farm"


def _work(where: Connection, arguments: argparse.Namespace) -> int:
    site = Site(path_map(arguments.map), arguments.spool or _own_spool())
    name = arguments.name or f"{socket.gethostname()}-{os.getpid()}"

    async def main() -> None:
        stop = asyncio.Event()
        _set_on_signals(stop, site.closing.set)
        await join(where, site, name, stop, say, arguments.patience)

    asyncio.run(main())
    return EXIT_CANCELLED


def say(sentence: str) -> None:
    """Print a line on the terminal."""
    print(sentence, file=sys.stderr, flush=True)


class _WorkerProcess:
    """A worker in a process of its own."""

    def __init__(self, command: Sequence[str], card: int | None) -> None:
        self._command = command
        self._environment = dict(os.environ)
        if card is not None:
            self._environment["CUDA_VISIBLE_DEVICES"] = str(card)
        self._not_before = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it."""
        self._process = subprocess.Popen(self._command, env=self._environment, stdin=subprocess.DEVNULL)

    def attend(self) -> None:
        """Restart it after a delay if it died."""
        if self._process is not None and self._process.poll() is not None:
            say(f"A worker ended with code {self._process.returncode}; it is started again.")
            self._process, self._not_before = None, time.monotonic() + AGAIN_SECONDS
        elif self._process is None and time.monotonic() >= self._not_before:
            self.start()

    def end(self) -> None:
        """Ask it to end, with a checkpoint of its job."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def wait(self, seconds: float) -> None:
        """Wait for its end, and kill it after `seconds`."""
        if self._process is None:
            return
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _started(where: Connection, arguments: argparse.Namespace, count: int) -> list[_WorkerProcess]:
    name = arguments.name or socket.gethostname()
    options = ["--workers", "1", "--patience", str(arguments.patience)]
    options += [part for entry in arguments.map for part in ("--map", entry)]
    if arguments.spool:
        options += ["--spool", str(arguments.spool)]
    if where.keys is not None:
        options += ["--keys", str(where.keys)]
    cards = graphics_cards()
    return [
        _WorkerProcess(
            [*PROGRAM, where.address, "--name", f"{name}-{index}", *options], index % cards if cards else None
        )
        for index in range(count)
    ]


async def _keep(workers: list[_WorkerProcess], stop: asyncio.Event) -> None:
    """Keep workers running until `stop`, then let them end."""
    while not stop.is_set():
        for worker in workers:
            worker.attend()
        try:
            await asyncio.wait_for(stop.wait(), 0.5)
        except TimeoutError:
            continue
    for worker in workers:
        worker.end()
    for worker in workers:
        await asyncio.to_thread(worker.wait, CLOSE_SECONDS)


def _set_on_signals(stop: asyncio.Event, also: Callable[[], None] = lambda: None) -> None:
    """Set `stop` on Ctrl-C and on SIGTERM; a second one ends the process at once."""
    loop = asyncio.get_running_loop()

    def handle(number: int, _frame: object) -> None:
        also()
        loop.call_soon_threadsafe(stop.set)
        signal.signal(number, signal.SIG_DFL)

    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, handle)
