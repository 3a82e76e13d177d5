"""What happens to jobs when a file is loaded, and when Blender or the add-on ends."""

from __future__ import annotations

import atexit
from typing import Any

import bpy
from bpy.app.handlers import persistent

from . import job_import, pump
from .jobs import QUEUE

GRACE_SECONDS = 5.0
"""For an engine to finish its step and write a checkpoint when Blender ends."""


@persistent
def _after_load(*_: Any) -> None:
    """Jobs live on when another file is loaded, and may find their scene in it."""
    job_import.retry_missing_scenes(QUEUE.jobs)
    pump.ensure_running()


@persistent
def _before_exit(*_: Any) -> None:
    end_jobs()


def end_jobs() -> None:
    """Stop every job and its engine, and the timer: nothing is left running."""
    pump.stop()
    QUEUE.shut_down(GRACE_SECONDS)


def register() -> None:
    """Listen for file loads and the end of Blender."""
    bpy.app.handlers.load_post.append(_after_load)
    # Blender 5.2 tells before it ends; 4.5 runs atexit.
    if hasattr(bpy.app.handlers, "exit_pre"):
        bpy.app.handlers.exit_pre.append(_before_exit)
    atexit.register(end_jobs)


def unregister() -> None:
    """Stop listening, and everything that runs."""
    atexit.unregister(end_jobs)
    if hasattr(bpy.app.handlers, "exit_pre"):
        bpy.app.handlers.exit_pre.remove(_before_exit)
    bpy.app.handlers.load_post.remove(_after_load)
    end_jobs()
