# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators in background mode, where nothing moves on by itself: each waits for what it has begun."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import bpy

from ....protocol.errors import SjcError
from ... import api
from ...environment import session
from ...jobs import pump
from ...jobs.job import Job, JobState
from ...jobs.progress_lines import ProgressLines
from ...models.model_library import LIBRARY
from ...printed import put
from ...process.interrupts import wait_while


@contextmanager
def seen_to_its_end() -> Iterator[None]:
    """Wait, in background mode, for the jobs, the set-up or the download that the block has begun; told on stderr.

    Ctrl-C cancels them.

    Raises
    ------
    SjcError
        Why it failed, or ``cancelled``. In a window, where a timer moves everything on, nothing happens.
    """
    before, was_busy = api.jobs(), _busy()
    yield
    if not waits():
        return
    begun = [job for job in api.jobs() if job not in before]
    _finish(begun)
    if not was_busy:
        _finish_the_rest()


def waits() -> bool:
    """Whether an operator is to wait: there is no event loop, whose timers would move on what it has begun."""
    return bpy.app.background


def _finish(jobs: list[Job]) -> None:
    tellers = [_tell_of(job, f"[{number}/{len(jobs)}]") for number, job in enumerate(jobs, 1)]
    pump.run_until_ended(*jobs)
    for teller in tellers:
        teller.close()
    stopped = [job for job in jobs if job.state is JobState.CANCELLED]
    failed = [(job, error) for job in jobs if (error := job.trouble) is not None]
    if failed and len(jobs) > 1:
        job, error = failed[0]
        raise SjcError(
            error.code, f"{len(failed)} of {len(jobs)} jobs failed, the first {job.id}: {error.message}", error.hint
        )
    if failed:
        raise failed[0][1]
    if stopped:
        raise SjcError(
            "cancelled",
            f"Cancelled: {', '.join(job.id for job in stopped)}.",
            f"bpy.ops.sjc.resume(folder={str(stopped[0].folder.path)!r}) continues from the checkpoint.",
        )


def _tell_of(job: Job, number: str) -> ProgressLines:
    """Let a job be told on stderr as it goes."""
    lines = ProgressLines(sys.stderr)
    told = False

    def tell(job: Job) -> None:
        nonlocal told
        if not told and job.phase:
            told = True
            put(f"{number} {job.id}", sys.stderr)
        lines(job)

    if job.on_change is None:
        job.on_change = tell
    return lines


def _busy() -> bool:
    return session.busy() or LIBRARY.at_work


def _finish_the_rest() -> None:
    if not _busy():
        return
    told = ""

    def move_on() -> None:
        nonlocal told
        session.step()
        LIBRARY.pump()
        stage = session.state().stage
        said = f"[{stage.number}/{stage.count}] {stage.name}" if stage is not None else ""
        if said and said != told:
            told = said
            put(told, sys.stderr)

    def cancel(insists: bool) -> None:
        session.cancel_setup()
        LIBRARY.cancel(now=insists)

    stopped = wait_while(_busy, move_on, cancel)
    error = session.state().failure or LIBRARY.error
    if error is not None:
        raise error
    if stopped:
        raise SjcError("cancelled", "Cancelled.", "The same operator continues with what was downloaded.")
