# SPDX-License-Identifier: GPL-3.0-or-later
"""Actions on finished jobs and jobs of earlier sessions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from ...protocol.errors import SjcError
from .. import user_preferences
from ..job_location import new_job_folder
from ..results.placement import target_scene
from ..results.vdb_file import file_of
from . import job_queue, known_jobs, pump, setting_recall
from .job import Job
from .job_continuation import continued
from .job_records import JobRecord
from .named_job import folder_of
from .start import start
from .unknown_jobs import is_known, require_known


def history() -> list[JobRecord]:
    """Return all known jobs, newest first: those started from Blender, and those beside the open file.

    Reads their folders anew; hundreds take a fraction of a second.
    """
    return list(known_jobs.scan_now())


def interrupted() -> list[JobRecord]:
    """Return the jobs that were interrupted by the end of Blender or of the machine; `api.resume` resumes one."""
    known_jobs.scan_now()
    return known_jobs.offers()


def agree(source: Any) -> None:
    """Trust a job that was not started by this user on this computer.

    A job names the model that its engine loads: look where it comes from first.

    Parameters
    ----------
    source : Job, or what names one

    Raises
    ------
    SjcError
        If there is no such job.
    """
    folder = folder_of(source)
    folder.read_spec()
    if not is_known(folder):
        known_jobs.index().settle(folder.path.absolute())
    known_jobs.refresh()


def recall(source: Any, *, scene: bpy.types.Scene | str | None = None) -> list[str]:
    """Set a scene's settings to those of a job.

    Parameters
    ----------
    source : Job, or what names one
    scene : Scene or its name, optional
        None: the active one.

    Returns
    -------
    list of str
        What could not be set, such as an object that is not in this file; everything else is.

    Raises
    ------
    SjcError
        ``unknown_job``, or if the folder holds no job; nothing is changed then.
    """
    chosen = target_scene(scene)
    folder = folder_of(source)
    require_known(folder)
    return setting_recall.recall(folder, chosen.sjc)  # type: ignore[attr-defined]  # ours


def continue_job(
    source: Any,
    steps: int,
    *,
    import_results: bool = True,
    scene: bpy.types.Scene | str | None = None,
    wait: bool = False,
    progress: Callable[[Job], None] | None = None,
    engine_python: str | Path | None = None,
) -> Job:
    """Continue a job for more steps: a new job in a folder of its own, starting at the old one's checkpoint.

    Noise levels and late losses keep what they came to at the end of the old job.

    Parameters
    ----------
    source : Job, or what names one
    steps : int
        How many more, 1 or more.
    import_results, scene, wait, progress, engine_python
        As for `api.generate`.

    Raises
    ------
    SjcError
        ``unknown_job``, ``no_checkpoint``, ``bad_steps``, ``engine_busy``, ``no_job``, or as `api.generate`.
    """
    folder = folder_of(source)
    require_known(folder)
    subject = folder.read_spec().subject
    chosen = target_scene(scene)
    interpreter = user_preferences.engine_python(engine_python)
    longer = continued(folder, steps, new_job_folder(subject))
    how: dict[str, Any] = {"import_results": import_results, "on_change": progress}
    return start(longer, longer.read_spec(), interpreter, chosen, wait=wait, **how)


def delete_job(source: Any) -> list[str]:
    """Delete the files that a job has put into its folder, and the folder if nothing else is in it.

    Parameters
    ----------
    source : Job, or what names one
        Also one of those that `interrupted` or `history` gives.

    Returns
    -------
    list of str
        What is left because no job has put it there, relative to the folder.

    Raises
    ------
    SjcError
        ``folder_in_use`` if a job of this session works there or waits, ``engine_busy`` if another engine does,
        ``result_in_use`` if the open file shows a volume that lies there, ``no_job``.
    """
    folder = folder_of(source)
    path = folder.path
    if any(job.live and job.folder.path == path for job in job_queue.QUEUE.jobs):
        raise SjcError("folder_in_use", f"A job of this session uses {path}.", "Cancel it first.")
    shown = next((volume for volume in bpy.data.volumes if path in file_of(volume).parents), None)
    if shown is not None:
        raise SjcError(
            "result_in_use",
            f"The volume {shown.name!r} of the open file lies in {path}.",
            "Save the file for the first time, which brings the volume along, or delete the volume from it.",
        )
    left = folder.delete()
    known_jobs.index().forget(path)
    job_queue.QUEUE.forget_ended(path)
    known_jobs.records = [record for record in known_jobs.records if record.folder.path != path]
    pump.tell()
    return left
