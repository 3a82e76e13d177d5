"""What happens to jobs when a file is loaded, and when Blender or the add-on ends."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.handlers import persistent

from . import job_import, pump
from .job_queue import QUEUE

GRACE_SECONDS = 5.0
"""For an engine to finish its step and write a checkpoint when Blender ends."""


@persistent
def _after_load(*_: Any) -> None:
    """Jobs live on when another file is loaded, and may find their scene in it."""
    job_import.retry_missing_scenes(QUEUE.jobs)
    pump.ensure_running()


def end_jobs() -> None:
    """Stop every job and its engine, and the timer: nothing is left running."""
    pump.stop()
    QUEUE.shut_down(GRACE_SECONDS)


def register() -> None:
    """Listen for file loads."""
    bpy.app.handlers.load_post.append(_after_load)


def unregister() -> None:
    """Stop listening, and everything that runs."""
    bpy.app.handlers.load_post.remove(_after_load)
    end_jobs()
