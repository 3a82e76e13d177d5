# SPDX-License-Identifier: GPL-3.0-or-later
"""Controlling the jobs of this session: pausing, moving and clearing."""

from __future__ import annotations

from typing import Any

from ..process_keeper import PROCESSES
from . import job_queue, pump
from .named_job import job_of


def pause(which: Any) -> None:
    """Pause a running job after its current step; it writes a checkpoint and keeps its memory.

    Parameters
    ----------
    which : Job, or what names one
        Nothing happens to one that is not running. Jobs in line wait on.
    """
    job_queue.QUEUE.pause(job_of(which))
    PROCESSES.ensure_running()


def unpause(which: Any) -> None:
    """Continue a paused job."""
    job_queue.QUEUE.unpause(job_of(which))
    PROCESSES.ensure_running()


def move(which: Any, places: int) -> None:
    """Move a waiting job in line.

    Parameters
    ----------
    which : Job, or what names one
    places : int
        To the front with a negative number, to the back with a positive one.
    """
    job_queue.QUEUE.move(job_of(which), places)
    PROCESSES.ensure_running()


def clear(which: Any = None) -> None:
    """Remove ended jobs from this session's list; results and folders are kept.

    Parameters
    ----------
    which : Job, or what names one, or None
        None: all that have ended.
    """
    job_queue.QUEUE.forget_ended(None if which is None else job_of(which).folder.path)
    pump.tell()
