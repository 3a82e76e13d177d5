# SPDX-License-Identifier: GPL-3.0-or-later
"""Queueing a job, from a request or an existing folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bpy

from ...protocol.job_folder import JobFolder
from ...protocol.spec import JobSpec
from .. import user_preferences
from ..job_location import new_job_folder
from ..process.farm_process import Farm, farm_of
from ..process_keeper import PROCESSES
from ..results.placement import results_of, target_scene
from ..rigs import occupied
from ..rigs.scene_rig import rig_warnings
from . import job_queue, known_jobs, pump
from .destination import Destination
from .job import Job
from .job_request import JobRequest, absolute
from .resolve import resolved
from .scene_view import SceneView


def submit(
    request: JobRequest,
    *,
    folder: str | Path | None = None,
    import_results: bool = True,
    scene: bpy.types.Scene | str | None = None,
    wait: bool = False,
    progress: Callable[[Job], None] | None = None,
    engine_python: str | Path | None = None,
    farm: Farm | str | None = None,
) -> Job:
    """Make a job's folder and queue the job; arguments and errors as of `api.generate`."""
    scene = target_scene(scene)
    spec, inputs = resolved(request, SceneView(scene))
    where = farm_of(farm)
    interpreter = user_preferences.engine_python(engine_python)
    path = Path(absolute(folder)) if folder is not None else new_job_folder(spec.subject)
    job_folder = JobFolder.create(path, spec)
    inputs.lay(job_folder)
    how: dict[str, Any] = {"import_results": import_results, "on_change": progress, "farm": where}
    return start(job_folder, spec, interpreter, scene, wait=wait, notes=inputs.notes, **how)


def start(
    folder: JobFolder,
    spec: JobSpec,
    interpreter: Path,
    scene: bpy.types.Scene,
    *,
    wait: bool = False,
    notes: Sequence[str] = (),
    **fields: Any,
) -> Job:
    """Queue a job, and wait for its end if `wait`; `fields` are others of the `Job`."""
    started = Job(
        folder,
        spec,
        interpreter,
        online=bpy.app.online_access,
        destination=Destination(scene),
        waiter=pump.run_until_ended,
        warnings=[*notes, *rig_warnings(spec)],
        **fields,
    )
    job_queue.QUEUE.submit(started)
    known_jobs.index().open(folder.path)
    occupied.note(started.id, spec.domain, scene, results_of(started.id, scene))
    PROCESSES.ensure_running()
    if wait:
        pump.run_until_ended(started)
    return started
