"""The one API: what the panel, the Python console and ``blender --command sjc`` call.

From the Python console of an installed extension::

    import importlib
    api = importlib.import_module("bl_ext.user_default.sjc_blender.addon.api")
    job = api.generate("a red chair", preset="draft")

Every expected failure is an `SjcError` with a sentence and what to do next. Nothing here pushes an
undo step: operators do so by their options, and a result that comes by itself brings its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bpy

from ..protocol.errors import SjcError
from ..protocol.job_folder import JobFolder
from . import user_preferences
from .batch.batch import Batch
from .batch.make_batch import batch
from .environment.session import cancel_setup, check_engine, remove_engine, set_up_engine
from .environment.session import state as engine_state
from .jobs import job_import, pump
from .jobs.earlier_jobs import continue_job, delete_job, folder_of, history, interrupted, recall
from .jobs.job_control import clear, move, pause, unpause
from .jobs.job_history import JobRecord
from .jobs.job_queue import QUEUE, Job, JobState
from .jobs.job_request import OUTPUTS, JobRequest, absolute, checked_outputs
from .jobs.new_job import edit, generate
from .jobs.start import start, submit, target_scene
from .models.model_actions import cancel_download, delete_model, download_model, models, refresh_models
from .models.model_status import ModelStatus
from .results.asset import mark_as_asset
from .results.bake_texture import bake_texture
from .results.before_after import show_side as side_shown
from .results.export import export_result
from .results.remesh import remesh
from .results.show import show_result
from .results.shown import show_as as shown_as
from .results.volume_look import set_look
from .rigs.rig_choice import RigChoice
from .rigs.rig_report import RigReport
from .rigs.scene_rig import scene_rig

__all__ = [
    "OUTPUTS",
    "Batch",
    "Job",
    "JobRecord",
    "JobRequest",
    "JobState",
    "ModelStatus",
    "RigChoice",
    "RigReport",
    "SjcError",
    "bake_texture",
    "batch",
    "cancel",
    "cancel_download",
    "cancel_setup",
    "check_engine",
    "clear",
    "continue_job",
    "delete_job",
    "delete_model",
    "download_model",
    "edit",
    "engine_state",
    "export_result",
    "generate",
    "history",
    "import_result",
    "interrupted",
    "job",
    "jobs",
    "mark_as_asset",
    "models",
    "move",
    "pause",
    "recall",
    "refresh_models",
    "remesh",
    "remove_engine",
    "resume",
    "rig_report",
    "set_look",
    "set_up_engine",
    "show",
    "show_as",
    "show_side",
    "submit",
    "unpause",
]


def resume(
    source: Job | JobRecord | str | Path,
    *,
    import_results: bool = True,
    scene: bpy.types.Scene | None = None,
    wait: bool = False,
    progress: Callable[[Job], None] | None = None,
    engine_python: str | Path | None = None,
) -> Job:
    """Go on with a job, one of an earlier session, or that in a folder from its last checkpoint; else as `generate`."""
    job_folder = folder_of(source)
    spec = job_folder.read_spec()
    interpreter = user_preferences.engine_python(engine_python)
    return start(job_folder, spec, interpreter, target_scene(scene), import_results, wait, progress)


def rig_report(
    rig: str | bpy.types.Collection | RigChoice | None = None,
    *,
    domain: bpy.types.Object | str | None = None,
    jitter: float | None = None,
    model: str | None = None,
    scene: bpy.types.Scene | None = None,
) -> RigReport:
    """Say what a rig sees and what it does not, before a job is made.

    Parameters
    ----------
    rig, domain, jitter, model
        As of `generate`; what is left out is what the scene's panel is set to.
    scene : Scene, optional
        None: the active one.

    Raises
    ------
    SjcError
        If the rig or the domain cannot be used.
    """
    scene = target_scene(scene)
    said: dict[str, Any] = {"rig": rig, "domain": domain, "jitter": jitter, "model": model}
    panel: JobRequest = scene.sjc.request()  # type: ignore[attr-defined]  # ours
    wanted = dataclasses.replace(panel, **{name: value for name, value in said.items() if value is not None})
    return scene_rig(
        wanted.rig or "ORBIT",
        wanted.domain,
        scene,
        jitter=wanted.jitter or 0.0,
        model=wanted.model_source or "builtin",
    ).report


def import_result(
    source: Job | str | Path,
    *,
    outputs: Sequence[str] | None = None,
    show: str = "mesh",
    scene: bpy.types.Scene | None = None,
) -> list[bpy.types.Object]:
    """Make objects of a finished job's results.

    Parameters
    ----------
    source : Job, or a job's folder
    outputs : sequence of str, optional
        ``"volume"``, ``"mesh"`` or both; None: what the job made.
    show : str
        As which of both it is seen, ``"mesh"`` or ``"volume"``; the other one is hidden, see `show_as`.
    scene : Scene, optional
        None: the active one.

    Raises
    ------
    SjcError
        If there is no result, or it cannot be read.
    """
    folder = source.folder if isinstance(source, Job) else JobFolder(Path(absolute(source)))
    spec = folder.read_spec()
    wanted = job_import.outputs_of(spec) if outputs is None else checked_outputs(outputs)
    target = target_scene(scene)
    objects = job_import.import_outputs(folder, wanted, target, show)
    job_import.settle(objects, spec, target)
    if isinstance(source, Job):
        source.imported += tuple(obj.name for obj in objects)
        source.import_error = None
    return objects


def show_as(result: bpy.types.Object, kind: str, *, scene: bpy.types.Scene | None = None) -> bpy.types.Object:
    """Let a result be seen as its ``"mesh"`` or as its ``"volume"``; see `sjc_blender.addon.results.shown.show_as`."""
    return shown_as(result, kind, target_scene(scene))


def show_side(result: bpy.types.Object, side: str, *, scene: bpy.types.Scene | None = None) -> bpy.types.Object:
    """Let an edit be seen ``"before"`` or ``"after"``; see `sjc_blender.addon.results.before_after.show_side`."""
    return side_shown(result, side, target_scene(scene))


def cancel(which: Job | str, *, now: bool = False) -> None:
    """Stop a job after its current step, with a checkpoint.

    Parameters
    ----------
    which : Job or its id
    now : bool
        End its process at once, as it is; the last checkpoint stays.
    """
    QUEUE.cancel(which if isinstance(which, Job) else job(which), now=now)
    pump.ensure_running()


def show(which: Job | str) -> list[bpy.types.Object]:
    """Select what was made by a job, and frame it in the 3D viewports of the active window.

    Parameters
    ----------
    which : Job or its id

    Returns
    -------
    list of Object
        What is selected now.

    Raises
    ------
    SjcError
        ``result_not_here``, ``not_object_mode``.
    """
    window = None if bpy.app.background else bpy.context.window
    return show_result(which.id if isinstance(which, Job) else which, window)


def jobs() -> list[Job]:
    """Give every job of this session, oldest first."""
    return QUEUE.jobs


def job(identifier: str) -> Job:
    """Give the newest job of this session with that id; SjcError ``no_such_job`` if there is none."""
    return QUEUE.find(identifier)
