"""A new job from a finished one's field: one region anew, or all of it with another prompt, model or settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import bpy

from ...protocol import codec, presets
from ...protocol.checkpoint_content import checkpoint_content
from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder
from ...protocol.model_profile import same_samples
from ...protocol.overrides import merged
from ...protocol.spec import CameraRig, DomainSpec, JobSpec, OriginSpec
from .. import preferences
from ..process.engine_python import find_engine_python
from ..results.origin import is_result, job_folder_of
from ..rigs.domain import as_rows
from ..rigs.edit_region import region_grid
from ..rigs.evaluated_scene import evaluated
from ..rigs.proxy import FilledGrid
from .job_import import OUTPUTS
from .job_inputs import JobInputs
from .job_location import new_job_folder
from .job_queue import Job
from .start import absolute, checked_outputs, start

Source = Job | bpy.types.Object | str | Path
Region = bpy.types.Object | bpy.types.Collection | str


@dataclasses.dataclass(frozen=True)
class Changes:
    """What an edit changes of a job; None leaves it as it is."""

    prompt: str | None = None
    negative_prompt: str | None = None
    model: str | None = None
    preset: str | None = None
    seed: int | None = None
    outputs: Sequence[str] | None = None
    anew: bool = False
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def edit(
    source: Source,
    prompt: str | None = None,
    *,
    region: Region | None = None,
    anew: bool = False,
    model: str | None = None,
    preset: str | None = None,
    seed: int | None = None,
    negative_prompt: str | None = None,
    outputs: Sequence[str] | None = None,
    overrides: Mapping[str, Any] | None = None,
    folder: str | Path | None = None,
    import_results: bool = True,
    scene: bpy.types.Scene | None = None,
    wait: bool = False,
    progress: Callable[[Job], None] | None = None,
    engine_python: str | Path | None = None,
) -> Job:
    """Make a new object of a finished one: change it in a region and keep the rest, or refine all of it.

    The new job starts from the old one's field and leaves the old one as it is.

    Parameters
    ----------
    source : Job, a job's folder, or a result in the scene (the object or its name)
        A result that was moved is edited where it stands.
    prompt : str, optional
        For the whole object, such as ``"a chair with a round back"``; None: the old one. Another one begins on the
        coarse grids of the preset (`field.stages`), where what is there can give way; the old one goes on on the
        finest, unless its colours are made anew.
    region : object, collection, the name of one, or None
        Where it may change: the inside of meshes, or the box of an empty. All else of the field is kept exactly. The
        colours of the result are fitted over the whole object, so they may differ a little elsewhere. None: everywhere.
    anew : bool
        Whether what is in the region begins anew, for quite another object in its place, and not as what is there.
    model, preset : str, optional
        As of `generate`. With either, the settings are those of the preset and the model instead of the old job's; the
        viewpoints (of cameras), the domain and the outputs stay. Of a model with other latents the shape is taken and
        the colours are made anew.
    seed, negative_prompt, outputs : optional
        None: the old ones.
    overrides, folder, import_results, scene, wait, progress, engine_python
        As of `generate`. Without a region `field.resolution` may be another.

    Raises
    ------
    SjcError
        ``no_job``, ``no_checkpoint``, ``engine_busy``, ``region_other_grid``, ``region_other_samples``; of the region
        as `region_grid`; or as `generate`. Nothing is left behind then.
    """
    chosen = scene or bpy.context.scene
    assert chosen is not None
    changes = Changes(prompt, negative_prompt, model, preset, seed, outputs, anew, overrides or {})
    spec, inputs = edited(source, changes, region, chosen)
    interpreter = find_engine_python(engine_python, preferences.engine_python())
    path = Path(absolute(folder)) if folder is not None else new_job_folder(spec.subject)
    job_folder = JobFolder.create(path, spec)
    inputs.lay(job_folder)
    return start(job_folder, spec, interpreter, chosen, import_results, wait, progress, notes=inputs.notes)


def edited(
    source: Source, changes: Changes, region: Region | None, scene: bpy.types.Scene
) -> tuple[JobSpec, JobInputs]:
    """Describe an edit as a job and the files that it starts from; arguments and errors as of `edit`."""
    folder, placed = _found(source)
    old = folder.read_spec()
    if folder.busy:
        raise SjcError("engine_busy", f"An engine is at work in {folder.path}.", "Wait for its end, or cancel it.")
    if not folder.checkpoint.is_file():
        raise SjcError(
            "no_checkpoint", f"{folder.path} has no checkpoint, and so no field to start from.", "Run that job again."
        )
    domain = dataclasses.replace(old.domain, matrix_world=placed) if placed is not None else old.domain
    grid = None
    if region is not None:
        with evaluated(scene) as depsgraph:
            grid = region_grid(region, domain, old.field.resolution, depsgraph)
    spec = _spec(old, checkpoint_content(folder.checkpoint), changes, domain, grid)
    return spec, JobInputs(origin=folder.checkpoint, region=grid)


def _found(source: Source) -> tuple[JobFolder, Any]:
    """The job's folder, and where its domain is now; None: where it was."""
    if isinstance(source, Job):
        return source.folder, None
    if isinstance(source, str) and is_result(bpy.data.objects.get(source)):
        source = bpy.data.objects[source]
    if isinstance(source, bpy.types.Object):
        return job_folder_of(source), as_rows(source.matrix_world)
    return JobFolder(Path(absolute(source))), None


def _spec(old: JobSpec, content: str, changes: Changes, domain: DomainSpec, grid: FilledGrid | None) -> JobSpec:
    source = old.model.source if changes.model is None else _model_source(changes.model)
    same = same_samples(old.model.source, source)
    origin = OriginSpec(content, grid.digest if grid is not None else "", same, changes.anew)
    if grid is not None and not origin.features:
        raise SjcError(
            "region_other_samples",
            f"{source!r} has other latents than {old.model.source!r}: what is outside the region could not be kept.",
            "Edit with the model that the object was made with, or without a region.",
        )
    spec = presets.new_job(**merged(codec.encode(_settings(old, source, origin, changes, domain)), changes.overrides))
    same_grid = (spec.field.resolution, spec.domain.half_extents) == (old.field.resolution, old.domain.half_extents)
    if grid is not None and not same_grid:
        raise SjcError(
            "region_other_grid",
            f"What is outside the region stays as it is, on a grid of {old.field.resolution} voxels along its longest "
            "side; the new job has another one.",
            "Leave field.resolution and the domain's proportions as they are, or edit without a region.",
        )
    return spec


def _settings(old: JobSpec, source: str, origin: OriginSpec, changes: Changes, domain: DomainSpec) -> dict[str, Any]:
    """Arguments for a new job: the old one's, or of a new preset or model what belongs to the scene alone."""
    data = codec.encode(old)
    field: dict[str, Any] = {"origin": origin, "proxy": None, "blob_density": 0.0}
    settings: dict[str, Any] = {"outputs": data["outputs"], "seed": old.seed, "negative_prompt": old.negative_prompt}
    if changes.model is None and changes.preset is None:
        steps = old.optimisation.schedule_steps or old.optimisation.steps
        settings |= {"cameras": data["cameras"], "optimisation": data["optimisation"]}
        settings["optimisation"] |= {"steps": steps, "schedule_steps": 0}
        field = data["field"] | field
        if old.field.stages:
            field["stages"] = presets.stages_to(_resolution(changes, old), old.field.stages)
        else:
            # Of a job that was itself refined: the preset's.
            del field["stages"]
    else:
        if isinstance(old.cameras, CameraRig):
            settings["cameras"] = data["cameras"]
        if origin.region:
            field["resolution"] = old.field.resolution
    if changes.prompt in (None, old.prompt) and origin.features and not changes.anew:
        # It goes on from what it is. Anything else begins as the preset does, coarse and from above, so that what is
        # there gives way.
        field["stages"] = ()
        settings.setdefault("optimisation", {})["above_until"] = 0.0
    settings |= {"domain": domain, "field": field, "preset": changes.preset or old.preset}
    settings["model"] = data["model"] if changes.model is None else {"source": source}
    settings["prompt"] = old.prompt if changes.prompt is None else changes.prompt
    if changes.seed is not None:
        settings["seed"] = changes.seed
    if changes.negative_prompt is not None:
        settings["negative_prompt"] = changes.negative_prompt
    if changes.outputs is not None:
        wanted = checked_outputs(changes.outputs)
        settings["outputs"] |= {name: name in wanted for name in OUTPUTS}
    return settings


def _resolution(changes: Changes, old: JobSpec) -> object:
    field = changes.overrides.get("field")
    return field.get("resolution", old.field.resolution) if isinstance(field, Mapping) else old.field.resolution


def _model_source(model: str) -> str:
    return absolute(model) if model.startswith("//") else model
