# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves the jobs on: by the timer of `process_keeper` in a window, by a blocking loop where there is no event loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from ..main_thread import require_main_thread
from ..process.interrupts import Interrupts, wait_while
from ..process_keeper import PROCESSES
from ..window_events import redraw_sidebars
from . import job_import, known_jobs, live_volume
from .job import Job
from .job_queue import QUEUE

LISTENERS: list[Callable[[], None]] = []
"""Called on the main thread when jobs of this or earlier sessions have changed."""


def step() -> None:
    """Process the engine's events, import finished results, and notify the listeners."""
    changed = QUEUE.pump()
    live_volume.update()  # first: the undo step of an import is to hold no live volume
    changed += job_import.import_waiting(QUEUE.jobs)
    known_jobs.note(changed)
    if known_jobs.poll() or changed:
        tell()


def tell() -> None:
    """Notify the listeners and redraw the sidebars."""
    for listener in LISTENERS:
        listener()
    redraw_sidebars()


def run_until_ended(*jobs: Job, timeout: float | None = None) -> bool:
    """Block until all these jobs and their engines have ended; return whether the jobs have.

    They are imported then if they are to be, and their folders may be deleted.

    Ctrl-C cancels them after the current step, a second one at once.

    Parameters
    ----------
    timeout : float, optional
        Seconds after which nobody waits any more; the jobs go on.
    """
    require_main_thread("Waiting for a job")
    until = math.inf if timeout is None else time.monotonic() + timeout

    def cancel(insists: bool) -> None:
        for job in jobs:
            QUEUE.cancel(job, now=insists)

    with Interrupts():  # while the end is told too
        wait_while(lambda: any(QUEUE.holds(job) for job in jobs) and time.monotonic() < until, step, cancel)
        step()
    return not any(job.live for job in jobs)


PROCESSES.add(
    QUEUE,
    step=step,
    busy=lambda: QUEUE.live or any(job.awaits_import for job in QUEUE.jobs) or known_jobs.scanning(),
)
