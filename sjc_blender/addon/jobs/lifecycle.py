# SPDX-License-Identifier: GPL-3.0-or-later
"""Handlers for jobs when a file is loaded, saved or undone, and when Blender or the add-on ends."""

from __future__ import annotations

import sys
from typing import Any

import bpy
from bpy.app.handlers import persistent

from ...protocol.errors import SjcError
from ..process_keeper import PROCESSES
from ..results import asset_catalogue, background_work, viewport_colours
from ..results.origin import keep_folders
from . import destination, first_save, job_import, known_jobs, live_volume
from .job_queue import QUEUE


@persistent
def _after_load(*_: Any) -> None:
    """Keep jobs running, and look for their scenes in the loaded file."""
    live_volume.remove()
    viewport_colours.forget()
    background_work.forget()
    for known in destination.known:
        known.after_load()
    job_import.retry_missing_scenes(QUEUE.jobs)
    known_jobs.refresh()
    PROCESSES.ensure_running()


@persistent
def _before_save(target: str, *_: Any) -> None:
    """Remove the live volume, and bring results beside the file."""
    live_volume.remove()
    for known in destination.known:
        known.before_save()
    first_save.bring_along(target)
    keep_folders(target)


@persistent
def _after_save(target: str, *_: Any) -> None:
    """Follow the file to its new path, and write the asset catalogue beside it."""
    for known in destination.known:
        known.after_save()
    if target and asset_catalogue.has_results(bpy.data.objects):
        try:
            asset_catalogue.add_catalogue(target)
        except SjcError as error:  # the file itself is saved
            sys.stderr.write(f"SJC: {error}\n")


@persistent
def _after_undo(*_: Any) -> None:
    """Remove a live volume that an undo step has brought back."""
    live_volume.remove()


def end_jobs() -> None:
    """End every child process; in the background name the jobs that this stops."""
    left = [job.id for job in QUEUE.jobs if job.live]
    if left and bpy.app.background:
        sys.stderr.write(
            f"SJC: Blender ends before {len(left)} {'job' if len(left) == 1 else 'jobs'} ({', '.join(left[:8])}). "
            "Without a window jobs move on only while api.wait(), job.wait() or api.process_events() runs; "
            "api.resume(folder) goes on with them.\n"
        )
    PROCESSES.end()
    live_volume.end()


HOOKS = (
    (bpy.app.handlers.load_post, _after_load),
    (bpy.app.handlers.save_pre, _before_save),
    (bpy.app.handlers.save_post, _after_save),
    (bpy.app.handlers.undo_post, _after_undo),
    (bpy.app.handlers.redo_post, _after_undo),
)


def register() -> None:
    """Look for earlier jobs."""
    known_jobs.refresh()
    PROCESSES.ensure_running()


def unregister() -> None:
    """End everything that runs."""
    background_work.stop()
    end_jobs()
