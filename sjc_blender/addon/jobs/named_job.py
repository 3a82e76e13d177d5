# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding a job by anything that names it: the job, its id, its folder, its record, or an object of its result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder
from ..results.origin import is_result, job_folder_of, named_object
from . import job_queue
from .job import Job
from .job_request import absolute


def folder_of(source: Any) -> JobFolder:
    """Return the folder of a job, also of one of an earlier session.

    Parameters
    ----------
    source : Job, JobRecord, an entry of a batch, JobFolder, Path, Object or str
        A text is the name of a result in the scene, the id of a job of this session, or a path, in that order.

    Raises
    ------
    SjcError
        ``not_a_job`` for anything else; of an object as `job_folder_of`.
    """
    if isinstance(source, JobFolder):
        return source
    folder = getattr(source, "folder", None)
    if isinstance(folder, JobFolder):
        return folder
    if isinstance(source, bpy.types.Object):
        return job_folder_of(named_object(source))
    if isinstance(source, str):
        obj = bpy.data.objects.get(source)
        if is_result(obj):
            return job_folder_of(named_object(obj))
        known = job_queue.QUEUE.find(source)
        return known.folder if known is not None else JobFolder(Path(absolute(source)))
    if isinstance(source, Path):
        return JobFolder(Path(absolute(source)))
    raise SjcError(
        "not_a_job",
        f"{repr(source)[:80]} is no job.",
        "Give a job, its id, its folder, an entry of api.history(), or an object of its result.",
    )


def job_of(source: Any) -> Job:
    """Return the newest job of this session that `folder_of` means; SjcError ``no_such_job`` if there is none."""
    if isinstance(source, Job):
        return source
    path = folder_of(source).path
    for job in reversed(job_queue.QUEUE.jobs):
        if job.folder.path == path:
            return job
    name = source if isinstance(source, str) else str(path)
    raise SjcError(
        "no_such_job",
        f"This session has no job {name!r}.",
        "api.jobs() lists those of this session, api.history() and api.interrupted() those of earlier ones.",
    )
