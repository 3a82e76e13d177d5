# SPDX-License-Identifier: GPL-3.0-or-later
"""The API of Score Jacobian Chaining in Blender: what the panel, scripts and ``blender --command sjc`` call.

Wherever the extension is installed, and in background mode too::

    sjc = bpy.context.window_manager.sjc.api
    job = sjc.generate("a red chair", preset="draft").wait()

A module of the extension imports it by its own repository: ``from bl_ext.user_default.sjc_blender import api``.

- Make: `generate`, `edit`, `batch`, `submit` (a `JobRequest`), `resume`, `continue_job`.
- Wait and steer: `wait`, `process_events`, `cancel`, `pause`, `unpause`, `move`, `clear`, `jobs`, `job`.
- Earlier jobs: `history`, `interrupted`, `recall`, `delete_job`, `import_result`.
- Results: `show`, `show_as`, `show_side`, `remesh`, `bake_texture`, `set_look`, `mark_as_asset`, `export_result`,
  `bring_files_here`, `unused_files`, `delete_unused_files`.
- Before a job: `rig_report`, `models`, `show_model`, `model_profile`, `download_model`, `engine_state`,
  `set_up_engine`, `check_engine`.

A job may be named by itself, its id, its folder, an entry of `history` or of a batch, or an object of its result; an
object by itself, its name, or its job. What is linked from another file is changed there (``linked_object``).
Every expected failure is an `SjcError` with a sentence and what to do next.
Nothing here pushes an undo step: operators do so by their options, and a result that comes by itself brings its own.
Calls are for Blender's main thread; others are refused.

What `__all__` lists keeps to semantic versioning by `__version__`, as CHANGELOG.md tells: until 1.0 a minor release may
change it, and says so there. All other modules may change at any time.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import bpy

from .. import __version__
from ..protocol.diagnosis import Diagnosis
from ..protocol.errors import Fault, InvalidSpec, SjcError
from ..protocol.job_folder import JobFolder, wanted_outputs
from ..protocol.spec import JobSpec
from . import user_preferences
from .arguments import judged
from .batch.batch import Batch
from .batch.batch_fault import BatchFault, InvalidBatch
from .batch.entry import Entry
from .batch.new_batch import batch
from .environment import session
from .environment.engine_keeper import EngineState, Status
from .environment.session import cancel_setup, check_engine, remove_engine, set_up_engine
from .environment.session import state as engine_state
from .jobs import job_import, pump
from .jobs.job import Job, JobState
from .jobs.job_actions import agree, continue_job, delete_job, history, interrupted, recall
from .jobs.job_control import clear, move, pause, unpause
from .jobs.job_queue import QUEUE
from .jobs.job_records import JobRecord, RecordState
from .jobs.job_request import OUTPUTS, JobRequest, checked_outputs
from .jobs.named_job import folder_of, job_of
from .jobs.new_job import edit, generate
from .jobs.start import start, submit
from .jobs.unknown_jobs import require_known
from .main_thread import on_main_thread
from .models.model_actions import (
    cancel_download,
    delete_model,
    download_model,
    model_profile,
    models,
    refresh_models,
    show_model,
)
from .models.model_library import LIBRARY
from .models.model_status import ModelStatus, Place
from .process.farm_process import Farm, farm_of
from .process_keeper import PROCESSES
from .results.asset import mark_as_asset as _mark_as_asset
from .results.bake_texture import bake_texture
from .results.before_after import show_side
from .results.bring_files import BroughtFiles, bring_files_here
from .results.export import export_result as _export_result
from .results.export_usd import USD_FORMATS
from .results.origin import named_object, require_own
from .results.placement import target_scene
from .results.remesh import remesh
from .results.show import show_result
from .results.shown import show_as
from .results.unused_files import UnusedFiles, delete_unused_files, unused_files
from .results.volume_look import set_look
from .rigs.rig_choice import RigChoice
from .rigs.rig_report import RigReport
from .rigs.scene_rig import scene_rig

__all__ = [
    "OUTPUTS",
    "Batch",
    "BatchFault",
    "BroughtFiles",
    "Diagnosis",
    "EngineState",
    "Entry",
    "Farm",
    "Fault",
    "InvalidBatch",
    "InvalidSpec",
    "Job",
    "JobFolder",
    "JobRecord",
    "JobRequest",
    "JobSpec",
    "JobState",
    "ModelStatus",
    "Place",
    "RecordState",
    "RigChoice",
    "RigReport",
    "SjcError",
    "Status",
    "UnusedFiles",
    "__version__",
    "agree",
    "bake_texture",
    "batch",
    "bring_files_here",
    "cancel",
    "cancel_download",
    "cancel_setup",
    "check_engine",
    "clear",
    "continue_job",
    "delete_job",
    "delete_model",
    "delete_unused_files",
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
    "model_profile",
    "models",
    "move",
    "pause",
    "process_events",
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
    "show_model",
    "show_side",
    "submit",
    "unpause",
    "unused_files",
    "wait",
]


def resume(
    source: Any,
    *,
    import_results: bool = True,
    scene: bpy.types.Scene | str | None = None,
    wait: bool = False,
    progress: Callable[[Job], None] | None = None,
    engine_python: str | Path | None = None,
    farm: Farm | str | None = None,
) -> Job:
    """Resume a job, also of an earlier session or in a folder, from its last checkpoint; else as `generate`.

    SjcError ``unknown_job`` for one that was not begun by this user, until `agree` was called with it.
    """
    job_folder = folder_of(source)
    require_known(job_folder)
    spec = job_folder.read_spec()
    where = farm_of(farm)
    interpreter = user_preferences.engine_python(engine_python)
    how: dict[str, Any] = {"import_results": import_results, "on_change": progress, "farm": where}
    return start(job_folder, spec, interpreter, target_scene(scene), wait=wait, **how)


def rig_report(
    rig: str | bpy.types.Collection | RigChoice | None = None,
    *,
    domain: bpy.types.Object | str | None = None,
    jitter: float | None = None,
    model: str | Path | None = None,
    scene: bpy.types.Scene | str | None = None,
) -> RigReport:
    """Report what a rig sees and what it does not, before a job is started.

    Parameters
    ----------
    rig, domain, jitter, model
        As of `generate`; what is left out is what the scene's panel is set to.
    scene : Scene or its name, optional
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
    source: Any,
    *,
    outputs: Sequence[str] | str | None = None,
    show: str = "mesh",
    scene: bpy.types.Scene | str | None = None,
) -> list[bpy.types.Object]:
    """Make objects of a finished job's results.

    Parameters
    ----------
    source : Job, or what names one
    outputs : sequence of str, optional
        ``"volume"``, ``"mesh"`` or both; None: what the job made.
    show : str
        As which of both it is seen, ``"mesh"`` or ``"volume"``; the other one is hidden, see `show_as`.
    scene : Scene or its name, optional
        None: the active one.

    Raises
    ------
    SjcError
        If there is no result, or it cannot be read.
    """
    folder = folder_of(source)
    spec = folder.read_spec()
    wanted = wanted_outputs(spec) if outputs is None else checked_outputs(outputs)
    target = target_scene(scene)
    objects = job_import.import_outputs(folder, wanted, target, show)
    job_import.settle(objects, spec, target)
    if isinstance(source, Job):
        source.imported += tuple(obj.name for obj in objects)
        source.import_error = None
    return objects


def cancel(which: Any, *, now: bool = False) -> None:
    """Stop a job after its current step, with a checkpoint.

    Parameters
    ----------
    which : Job, or what names one
    now : bool
        End its process at once, as it is; the last checkpoint stays.
    """
    QUEUE.cancel(job_of(which), now=now)
    PROCESSES.ensure_running()


def show(which: Any) -> list[bpy.types.Object]:
    """Select what was made by a job, and frame it in the 3D viewports of the active window.

    Parameters
    ----------
    which : Job, or what names one

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
    return show_result(folder_of(which).path.name, window)


def jobs() -> list[Job]:
    """Return all jobs of this session, oldest first."""
    return QUEUE.jobs


def job(which: Any) -> Job:
    """Return the newest job of this session that is meant; SjcError ``no_such_job`` if there is none."""
    return job_of(which)


def wait(which: Any = None, timeout: float | None = None) -> bool:
    """Block until jobs have ended and their results are imported, where they are to be; Ctrl-C cancels them.

    In background mode jobs move on only while something waits.

    Parameters
    ----------
    which : Job, what names one, a sequence of such, a Batch, or None
        None: all jobs of this session.
    timeout : float, optional
        Seconds after which nobody waits any more; the jobs go on.

    Returns
    -------
    bool
        Whether all have ended; look at their ``state`` and ``error``.
    """
    if which is None:
        return pump.run_until_ended(*QUEUE.jobs, timeout=timeout)
    if isinstance(which, Batch):
        return not which.wait(timeout).live
    several = isinstance(which, Iterable) and not isinstance(which, (str, bpy.types.bpy_struct))
    return pump.run_until_ended(*map(job_of, which if several else [which]), timeout=timeout)


def process_events() -> bool:
    """Process the events of jobs, set-up and downloads, import finished results, and return at once.

    For scripts in background mode that have a loop of their own; in a window a timer does it.

    Returns
    -------
    bool
        Whether anything is still running.
    """
    PROCESSES.step()
    return QUEUE.live or session.busy() or LIBRARY.at_work


def _of_object(function: Callable[..., Any], *types: str, data: bool = False) -> Callable[..., Any]:
    """Return the function with an object of this file, its name or its job as the first argument; see `require_own`."""
    signature = inspect.signature(function)
    first, *others = signature.parameters.values()
    anything = first.replace(annotation="bpy.types.Object | str | Job")

    @functools.wraps(function)
    def called(*arguments: Any, **options: Any) -> Any:
        if arguments:
            arguments = (require_own(named_object(arguments[0], *types), data=data), *arguments[1:])
        elif first.name in options:
            options[first.name] = require_own(named_object(options[first.name], *types), data=data)
        return function(*arguments, **options)

    called.__signature__ = signature.replace(parameters=[anything, *others])  # type: ignore[attr-defined]
    return called


remesh = _of_object(remesh, data=True)
bake_texture = _of_object(bake_texture, "MESH", data=True)
set_look = _of_object(set_look, "VOLUME", data=True)
show_as = _of_object(show_as)
show_side = _of_object(show_side)


def mark_as_asset(obj: bpy.types.Object | str | Job, source: Any = None, tags: Sequence[str] = ()) -> None:
    """Make an imported result an asset with a picture, also in background mode.

    It stands in the catalogue SJC, which comes beside the .blend when that is saved.

    Parameters
    ----------
    obj : Object, its name, or its job
    source : Job, or what names one, optional
        Whose turntable, else last preview, becomes the asset's picture; without either the asset keeps Blender's icon.
        None: the one that the object came from.
    tags : sequence of str
        Beside ``"sjc"`` and ``"mesh"`` or ``"volume"``; one that is there already is not added again.

    Raises
    ------
    SjcError
        ``linked_object``; ``no_job``, ``bad_job_file`` or ``invalid_spec`` if the job's folder does not say what it
        holds; the object is as it was then.
    """
    _mark_as_asset(require_own(named_object(obj), data=True), None if source is None else folder_of(source), tags)


@functools.wraps(_export_result)
def export_result(obj: bpy.types.Object | str | Job, path: str | Path) -> Path:  # noqa: D103 - that of the function
    ending = Path(path).suffix.lower()
    kinds = {".vdb": ("VOLUME",)}.get(ending, () if ending in USD_FORMATS else ("MESH",))
    return _export_result(named_object(obj, *kinds), path)


_OF_THE_INSIDE = {"apply", "fail", "notify"}
"""Methods of a job by which the parts of the add-on tell each other."""

for _name in __all__:
    _value = globals()[_name]
    if inspect.isfunction(_value):
        globals()[_name] = on_main_thread(judged(_value, _name), _name)
    elif _value in {Batch, Job}:
        for _method, _function in list(vars(_value).items()):
            if inspect.isfunction(_function) and not _method.startswith("_") and _method not in _OF_THE_INSIDE:
                setattr(_value, _method, judged(_function, f"{_name}.{_method}"))
