# SPDX-License-Identifier: GPL-3.0-or-later
"""Import of a finished job's results into their scene."""

from __future__ import annotations

import contextlib
import dataclasses
import traceback
from collections.abc import Sequence

import bpy

from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder, wanted_outputs
from ...protocol.spec import JobSpec
from ..results.all_or_nothing import all_or_nothing
from ..results.before_after import take_the_place
from ..results.object_frame import domain_now
from ..results.placement import job_of, results_of
from ..results.shown import IMPORTERS, checked_kind, show_one, shown_of
from ..rigs import occupied
from ..rigs.domain import as_rows
from ..rigs.evaluated_scene import view_layer_of
from ..window_events import push_undo, windows
from .job import Job
from .job_request import OUTPUTS


def import_outputs(
    folder: JobFolder, outputs: Sequence[str], scene: bpy.types.Scene, show: str = "mesh"
) -> list[bpy.types.Object]:
    """Import the results in a job folder, in the order of `OUTPUTS`.

    Parameters
    ----------
    outputs : sequence of str
        Of `OUTPUTS`.
    show : str
        As which of them the result is seen; the other one is hidden. Of one output, that.

    Raises
    ------
    SjcError
        If one cannot be read; none is left then.
    """
    checked_kind(show)
    with all_or_nothing():
        objects = [IMPORTERS[output](folder, scene) for output in OUTPUTS if output in outputs]
    show_one(objects, scene, show)
    return objects


def settle(objects: Sequence[bpy.types.Object], spec: JobSpec, scene: bpy.types.Scene) -> None:
    """Hide the original of an edit, and note other objects that stand in the results' place."""
    if not objects:
        return
    view_layer_of(scene).update()
    shown = shown_of(objects[0], scene)
    take_the_place([shown, *(obj for obj in objects if obj != shown)], spec, scene)
    place = dataclasses.replace(spec.domain, matrix_world=as_rows(domain_now(shown)))
    job = job_of(shown)
    occupied.note(job, place, scene, results_of(job, scene))


def import_waiting(jobs: Sequence[Job]) -> list[Job]:
    """Import all waiting results, each as one undo step; return the jobs that changed.

    Nothing is touched while the user is in another mode than Object Mode (an undo step of those
    does not hold new objects), while a picture renders, or in the turn in which a file is loaded.
    """
    waiting = [job for job in jobs if job.awaits_import]
    if not waiting or busy():
        return []
    for job in waiting:
        _import(job)
        job.notify()
    return waiting


def retry_missing_scenes(jobs: Sequence[Job]) -> None:
    """Retry imports whose scene was missing; called when a file was loaded."""
    for job in jobs:
        if job.import_error is not None and job.import_error.code == "scene_missing" and _scene(job) is not None:
            job.import_error = None


def _import(job: Job) -> None:
    assert job.destination is not None  # every job that imports its results has one
    try:
        scene = job.destination.require(
            f"import it into the active scene (Import in the panel, or api.import_result({str(job.folder.path)!r}))"
        )
    except SjcError as error:
        job.import_error = error
        return
    for output in wanted_outputs(job.spec):
        try:
            (obj,) = import_outputs(job.folder, [output], scene)
            job.imported += (obj.name,)
        except SjcError as error:
            job.import_error = error
        except Exception as error:  # the border: a timer that raises is never called again
            job.import_error = _unexpected(error, job.folder)
    if job.imported:
        show_one([scene.objects[name] for name in job.imported], scene)
        if job.arrange is not None:
            job.arrange(job)
        settle([scene.objects[name] for name in job.imported], job.spec, scene)
        push_undo(f"SJC: {job.spec.subject}")


def _unexpected(error: Exception, folder: JobFolder) -> SjcError:
    with contextlib.suppress(OSError, SjcError), folder.append(folder.log_path) as log:
        log.write("".join(traceback.format_exception(error)).encode("utf-8", "backslashreplace"))
    return SjcError(
        "import_failed",
        f"The result could not be imported ({type(error).__name__}: {error}).",
        f"{folder.log_path} has the details; please report them. The result in the folder is whole.",
    )


def _scene(job: Job) -> bpy.types.Scene | None:
    return job.destination.scene() if job.destination is not None else None


def belongs_to(job: Job, scene: bpy.types.Scene) -> bool:
    """Return whether a job's result is imported into this scene."""
    return _scene(job) == scene


def busy() -> bool:
    """Return whether objects added now would be lost at the next undo, or disturb a render."""
    if bpy.app.background:
        return False
    shown = windows()
    active = (window.view_layer.objects.active for window in shown)
    in_a_mode = any(obj is not None and obj.mode != "OBJECT" for obj in active)
    return not shown or in_a_mode or bool(bpy.app.is_job_running("RENDER"))
