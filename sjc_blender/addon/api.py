"""The one API: what the panel, the Python console and ``blender --command sjc`` call.

From the Python console of an installed extension::

    import importlib
    api = importlib.import_module("bl_ext.user_default.sjc_blender.addon.api")
    job = api.generate("a red chair", preset="draft")

Every expected failure is an `SjcError` with a sentence and what to do next. Nothing here pushes an
undo step: operators do so by their options, and a result that comes by itself brings its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import bpy

from ..protocol.errors import SjcError
from ..protocol.job_folder import JobFolder
from . import preferences
from .batch.batch import Batch
from .batch.make_batch import batch
from .environment.session import cancel_setup, check_engine, remove_engine, set_up_engine
from .environment.session import state as engine_state
from .jobs import job_import, pump
from .jobs.earlier_jobs import continue_job, delete_job, history, interrupted, recall
from .jobs.job_control import clear, move, pause, unpause
from .jobs.job_edit import edit
from .jobs.job_history import JobRecord
from .jobs.job_inputs import JobInputs
from .jobs.job_location import new_job_folder
from .jobs.job_queue import QUEUE, Job, JobState
from .jobs.start import absolute, checked_outputs, holding, job_spec, proxy_shape, start, surroundings
from .models.model_actions import cancel_download, delete_model, download_model, models, refresh_models
from .models.model_status import ModelStatus
from .process.engine_python import find_engine_python
from .results.asset import mark_as_asset
from .results.bake_texture import bake_texture
from .results.export import export_result
from .results.remesh import remesh
from .results.volume_look import set_look
from .rigs.rig_choice import RigChoice
from .rigs.rig_report import RigReport
from .rigs.scene_rig import scene_rig

__all__ = [
    "Batch",
    "Job",
    "JobRecord",
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
    "unpause",
]

OUTPUTS = job_import.OUTPUTS


def generate(
    prompt: str,
    *,
    rig: str | bpy.types.Collection | RigChoice = "ORBIT",
    domain: bpy.types.Object | str | None = None,
    preset: str = "standard",
    seed: int = 0,
    model: str = "builtin",
    negative_prompt: str = "",
    outputs: Sequence[str] = OUTPUTS,
    jitter: float = 0.0,
    proxy: bpy.types.Object | bpy.types.Collection | str | None = None,
    proxy_looseness: float = 0.5,
    overrides: Mapping[str, Any] | None = None,
    folder: str | Path | None = None,
    import_results: bool = True,
    scene: bpy.types.Scene | None = None,
    wait: bool = False,
    progress: Callable[[Job], None] | None = None,
    engine_python: str | Path | None = None,
) -> Job:
    """Make an object of a prompt, looked at through the rig's cameras.

    Parameters
    ----------
    prompt : str
    rig : str, collection or RigChoice
        Where the viewpoints come from: ``"ORBIT"``, the model's own around the domain; a collection or its name, its
        cameras; ``"REGION:<collection>"``, anywhere between its cameras; ``"ANIMATION"`` or ``"ANIMATION:1-48"``, the
        path of the scene's camera.
    domain : object, its name, or None
        The box the result fills; None: the box [-1, 1]^3 at the world's origin.
    preset : str
        ``"draft"``, ``"standard"``, ``"high"``, ``"paper"``, or a published recipe such as ``"rose"``, which has a
        prompt of its own for an empty `prompt` (`sjc_blender.protocol.recipes`).
    seed : int
        0 or more. The same settings and seed repeat a result.
    model : str
        ``"builtin"``, a folder, a .safetensors file, or a Hugging Face id that is in the local
        cache. A path may begin with ``//``: beside the .blend.
    negative_prompt : str
    outputs : sequence of str
        ``"volume"``, ``"mesh"`` or both.
    jitter : float
        Degrees, 0 to 90, by which each draw may turn a camera (of a collection, of a path) about the domain.
    proxy : object, collection, the name of one, or None
        A coarse shape to start from and keep to: what of the domain it fills.
    proxy_looseness : float
        How freely the object may leave that shape: 0, not at all, to 1, as if there were none.
    overrides : mapping, optional
        Any field of the job spec, nested, such as ``{"optimisation": {"steps": 200}}``.
    folder : str or Path, optional
        The job's folder; a job with the same settings that lies there goes on from its checkpoint.
        None: a new folder in ``sjc_jobs`` beside the saved .blend, else in the user's folder.
    import_results : bool
        Whether the results come into the scene by themselves.
    scene : Scene, optional
        None: the active one.
    wait : bool
        Block until the job has ended. In background mode nothing moves without it. Ctrl-C
        cancels the job, which is returned all the same.
    progress : callable, optional
        Called with the job after every change of it, on the main thread.
    engine_python : str or Path, optional
        Goes before the preferences.

    Returns
    -------
    Job
        With `wait`, look at its ``state`` and ``error``: a job that fails later does not raise here.

    Raises
    ------
    SjcError
        If it cannot start: settings with faults, an unusable rig or domain, no usable interpreter,
        a folder that cannot be written. Nothing is left behind then.
    """
    scene = _scene(scene)
    spec = job_spec(
        surroundings(scene, rig, domain, jitter),
        overrides=overrides or {},
        model=model,
        outputs=outputs,
        prompt=prompt,
        preset=preset,
        seed=seed,
        negative_prompt=negative_prompt,
    )
    inputs = JobInputs()
    if proxy is not None:
        spec, inputs = holding(spec, proxy_shape(spec, proxy, scene), proxy_looseness)
    interpreter = find_engine_python(engine_python, preferences.engine_python())
    path = Path(absolute(folder)) if folder is not None else new_job_folder(spec.subject)
    job_folder = JobFolder.create(path, spec)
    inputs.lay(job_folder)
    return start(job_folder, spec, interpreter, scene, import_results, wait, progress, notes=inputs.notes)


def resume(
    folder: str | Path,
    *,
    import_results: bool = True,
    scene: bpy.types.Scene | None = None,
    wait: bool = False,
    progress: Callable[[Job], None] | None = None,
    engine_python: str | Path | None = None,
) -> Job:
    """Go on with the job in a folder from its last checkpoint; as `generate` otherwise."""
    job_folder = JobFolder(Path(absolute(folder)))
    spec = job_folder.read_spec()
    interpreter = find_engine_python(engine_python, preferences.engine_python())
    return start(job_folder, spec, interpreter, _scene(scene), import_results, wait, progress)


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
    scene = _scene(scene)
    settings = scene.sjc  # type: ignore[attr-defined]
    return scene_rig(
        settings.rig_choice() if rig is None else rig,
        settings.domain if domain is None else domain,
        scene,
        jitter=math.degrees(settings.jitter) if jitter is None else jitter,
        model=settings.model if model is None else model,
    ).report


def import_result(
    source: Job | str | Path, *, outputs: Sequence[str] | None = None, scene: bpy.types.Scene | None = None
) -> list[bpy.types.Object]:
    """Make objects of a finished job's results.

    Parameters
    ----------
    source : Job, or a job's folder
    outputs : sequence of str, optional
        ``"volume"``, ``"mesh"`` or both; None: what the job made.
    scene : Scene, optional
        None: the active one.

    Raises
    ------
    SjcError
        If there is no result, or it cannot be read.
    """
    folder = source.folder if isinstance(source, Job) else JobFolder(Path(absolute(source)))
    wanted = job_import.outputs_of(folder.read_spec()) if outputs is None else checked_outputs(outputs)
    objects = job_import.import_outputs(folder, wanted, _scene(scene))
    if isinstance(source, Job):
        source.imported += tuple(obj.name for obj in objects)
        source.import_error = None
    return objects


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


def jobs() -> list[Job]:
    """Give every job of this session, oldest first."""
    return QUEUE.jobs


def job(identifier: str) -> Job:
    """Give the newest job of this session with that id; SjcError ``no_such_job`` if there is none."""
    return QUEUE.find(identifier)


def _scene(scene: bpy.types.Scene | None) -> bpy.types.Scene:
    chosen = scene or bpy.context.scene
    assert chosen is not None  # a file has one, and one of them is active
    if chosen.library is not None:
        raise SjcError(
            "scene_linked",
            f"The scene {chosen.name!r} is linked from {chosen.library.filepath}: nothing can be put into it.",
            "Open that file, or use a scene of this one.",
        )
    return chosen
