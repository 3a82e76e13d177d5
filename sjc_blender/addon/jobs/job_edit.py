# SPDX-License-Identifier: GPL-3.0-or-later
"""Editing a finished job: a new job from its field, in one region or with another prompt, model or settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import bpy

from ...protocol import codec, presets
from ...protocol.checkpoint_content import checkpoint_content
from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder, engine_busy
from ...protocol.model_families import needs_prompt, takes_picture
from ...protocol.model_profile import same_samples
from ...protocol.overrides import nested
from ...protocol.spec import CameraRig, DomainSpec, JobSpec, OriginSpec
from ..results.object_frame import domain_now, frame_of, standing_domain
from ..results.origin import is_result, job_folder_of
from ..results.shown import shown_of
from ..results.standing import standing_frame
from ..rigs.domain import as_rows
from ..rigs.edit_region import region_grid
from ..rigs.evaluated_scene import evaluated
from ..rigs.proxy import FilledGrid
from .job_inputs import JobInputs
from .job_request import JobRequest
from .named_job import folder_of
from .unknown_jobs import require_known

BESIDE = (("guide", "control"), ("picture", "ip_adapter"))
"""What the model is shown beside the prompt, and the field of `spec.ModelSpec` that names what shows it."""

WITHOUT_PICTURE = (
    "The edited job's picture is left out, because this model sees none without an IP-Adapter of its own. To show it, "
    "name one: model.ip_adapter."
)
WITHOUT_GUIDE = (
    "The edited job's guide is left out, because its ControlNet is for another model. To follow it, name one for this "
    "model: model.control."
)


def edited(request: JobRequest, scene: bpy.types.Scene) -> tuple[JobSpec, JobInputs]:
    """Return the spec of an edit and the files that it starts from.

    Raises
    ------
    SjcError
        As of `sjc_blender.addon.api.edit`.
    """
    assert request.edit is not None
    folder, obj = _found(request.edit)
    require_known(folder)
    old = folder.read_spec()
    if folder.busy:
        raise engine_busy(folder)
    if not folder.has(folder.checkpoint):
        raise SjcError(
            "no_checkpoint", f"{folder.path} has no checkpoint, and so no field to start from.", "Run that job again."
        )
    domain = _domain(folder, old, obj, scene)
    grid = None
    if request.region is not None:
        with evaluated(scene) as view:
            grid = region_grid(request.region, domain, old.field.resolution, view)
    spec = _spec(old, checkpoint_content(folder.checkpoint), request, domain, grid)
    notes = tuple(
        note
        for name, note in (("guide", WITHOUT_GUIDE), ("picture", WITHOUT_PICTURE))
        if getattr(old, name) is not None and getattr(spec, name) is None
    )
    return spec, JobInputs(
        guide=folder.guide if spec.guide is not None else None,
        picture=folder.picture if spec.picture is not None else None,
        origin=folder.checkpoint,
        region=grid,
        further_notes=notes,
    )


def _found(source: Any) -> tuple[JobFolder, bpy.types.Object | None]:
    """Return the job's folder, and the result in the scene if that was named."""
    if isinstance(source, str) and is_result(bpy.data.objects.get(source)):
        source = bpy.data.objects[source]
    if isinstance(source, bpy.types.Object):
        return job_folder_of(source), source
    return folder_of(source), None


def _domain(folder: JobFolder, old: JobSpec, obj: bpy.types.Object | None, scene: bpy.types.Scene) -> DomainSpec:
    """Return the old domain at its present place, with the floor that the old result stands on."""
    try:
        frame = frame_of(obj) if obj is not None else standing_frame(folder, old)
    except SjcError:  # there is no result yet
        return old.domain
    if obj is not None:
        placed = domain_now(shown_of(obj, scene))
    else:
        placed = standing_domain(old, frame)
    floor = None if old.domain.floor is None else frame.foot[2]
    return dataclasses.replace(old.domain, matrix_world=as_rows(placed), floor=floor)


def _spec(old: JobSpec, content: str, request: JobRequest, domain: DomainSpec, grid: FilledGrid | None) -> JobSpec:
    source = old.model.source if request.model_source is None else request.model_source
    same = same_samples(old.model.source, source)
    origin = OriginSpec(content, grid.digest if grid is not None else "", same, request.anew)
    if grid is not None and not origin.features:
        raise SjcError(
            "region_other_samples",
            f"{source!r} has other latents than {old.model.source!r}: what is outside the region could not be kept.",
            "Edit with the model that the object was made with, or without a region.",
        )
    spec = presets.new_job(**_settings(old, source, origin, request, domain), overrides=request.overrides)
    same_grid = (spec.field.resolution, spec.domain.half_extents) == (old.field.resolution, old.domain.half_extents)
    if grid is not None and not same_grid:
        raise SjcError(
            "region_other_grid",
            f"What is outside the region stays as it is, on a grid of {old.field.resolution} voxels along its longest "
            "side; the new job has another one.",
            "Leave field.resolution and the domain's proportions as they are, or edit without a region.",
        )
    return spec


def _settings(old: JobSpec, source: str, origin: OriginSpec, request: JobRequest, domain: DomainSpec) -> dict[str, Any]:
    """Return the arguments of the new job: the old one's; with a new preset or model only the scene's."""
    data = codec.encode(old)
    field: dict[str, Any] = {"origin": origin, "proxy": None, "blob_density": 0.0}
    settings: dict[str, Any] = {"outputs": data["outputs"], "seed": old.seed}
    if needs_prompt(source):
        settings["negative_prompt"] = old.negative_prompt
    if request.model is None and request.preset is None:
        steps = old.optimisation.schedule_steps or old.optimisation.steps
        settings |= {"cameras": data["cameras"], "optimisation": data["optimisation"]}
        settings["optimisation"] |= {"steps": steps, "schedule_steps": 0}
        field = data["field"] | field
        if old.field.stages:
            resolution = _asked(request, "field", "resolution")
            resolution = old.field.resolution if resolution is None else resolution
            field["stages"] = presets.stages_to(resolution, old.field.stages)
        else:
            # Of a job that was itself refined: the preset's.
            del field["stages"]
    else:
        if isinstance(old.cameras, CameraRig):
            settings["cameras"] = data["cameras"]
        if origin.region:
            field["resolution"] = old.field.resolution
    if request.prompt in (None, old.prompt) and origin.features and not request.anew:
        # It goes on from what it is. Anything else begins as the preset does, coarse and from above, so that what is
        # there gives way.
        field["stages"] = ()
        settings.setdefault("optimisation", {})["above_until"] = 0.0
    settings |= {"domain": domain, "field": field, "preset": request.preset or old.preset}
    settings["model"] = (data["model"] if request.model is None else {}) | request.model_fields
    for name, shower in BESIDE:
        if data[name] is not None and source == old.model.source:
            settings[name] = data[name]
            settings["model"][shower] = data["model"][shower]
        elif data[name] is not None and (
            _asked(request, "model", shower) or (name == "picture" and takes_picture(source))
        ):
            settings[name] = data[name]
    settings["prompt"] = old.prompt if request.prompt is None else request.prompt
    if request.seed is not None:
        settings["seed"] = request.seed
    if request.negative_prompt is not None:
        settings["negative_prompt"] = request.negative_prompt
    settings["outputs"] |= request.output_choice or {}
    return settings


def _asked(request: JobRequest, part: str, name: str) -> object:
    """What an edit's settings say of a field of the spec; None if nothing."""
    fields = nested(request.overrides).get(part)
    return fields.get(name) if isinstance(fields, Mapping) else None
