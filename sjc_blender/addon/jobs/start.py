# SPDX-License-Identifier: GPL-3.0-or-later
"""Queueing a job, from a request or an existing folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import bpy

from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder
from ...protocol.spec import JobSpec
from .. import user_preferences
from ..job_location import new_job_folder
from ..process.farm_process import Farm, farm_of
from ..process_keeper import PROCESSES
from ..results.placement import results_of
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
    return start(job_folder, spec, interpreter, scene, import_results, wait, progress, notes=inputs.notes, farm=where)


def start(
    folder: JobFolder,
    spec: JobSpec,
    interpreter: Path,
    scene: bpy.types.Scene,
    import_results: bool,
    wait: bool,
    progress: Callable[[Job], None] | None,
    arrange: Callable[[Job], None] | None = None,
    notes: Sequence[str] = (),
    patient: bool = False,
    farm: Farm | None = None,
) -> Job:
    """Queue a job, and wait for its end if `wait`."""
    started = Job(
        folder=folder,
        spec=spec,
        interpreter=interpreter,
        online=bpy.app.online_access,
        destination=Destination(scene),
        import_results=import_results,
        patient=patient,
        farm=farm,
        arrange=arrange,
        on_change=progress,
        waiter=pump.run_until_ended,
        warnings=[*notes, *rig_warnings(spec)],
    )
    job_queue.QUEUE.submit(started)
    known_jobs.index().open(folder.path)
    occupied.note(started.id, spec.domain, scene, results_of(started.id, scene))
    PROCESSES.ensure_running()
    if wait:
        pump.run_until_ended(started)
    return started


def target_scene(scene: bpy.types.Scene | str | None) -> bpy.types.Scene:
    """Return the scene that results go to, the active one for None; SjcError ``scene_linked``."""
    chosen = bpy.data.scenes.get((scene, None)) if isinstance(scene, str) else scene or bpy.context.scene
    if not isinstance(chosen, bpy.types.Scene):
        names = ", ".join(known.name for known in bpy.data.scenes)
        raise SjcError("unknown_scene", f"There is no scene {scene!r} in this file.", f"Its scenes are: {names}.")
    if chosen.library is not None:
        raise SjcError(
            "scene_linked",
            f"The scene {chosen.name!r} is linked from {chosen.library.filepath}: nothing can be put into it.",
            "Open that file, or use a scene of this one.",
        )
    return chosen
