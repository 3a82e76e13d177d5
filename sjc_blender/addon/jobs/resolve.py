# SPDX-License-Identifier: GPL-3.0-or-later
"""From a request to a job: the one place where it becomes a `JobSpec` and the files that it starts from."""

from __future__ import annotations

import dataclasses
from typing import Any

from ...protocol import presets
from ...protocol.errors import SjcError
from ...protocol.spec import LOOSENESS, JobSpec, ProxySpec
from .job_edit import edited
from .job_inputs import JobInputs
from .job_request import OUTPUTS, JobRequest
from .scene_view import SceneView

NAMED = ("prompt", "negative_prompt", "preset", "seed")
"""Fields of a request that are called as those of the spec."""


def resolved(request: JobRequest, view: SceneView) -> tuple[JobSpec, JobInputs]:
    """Describe what is asked for as a job, validated, and the files that it starts from.

    Raises
    ------
    SjcError
        As of `sjc_blender.addon.api.generate` and `sjc_blender.addon.api.edit`. Nothing is written.
    """
    if request.edit is not None:
        return edited(request, view.scene)
    if request.region is not None:
        raise SjcError(
            "region_without_edit",
            "A region is where an edit may change a finished object, and nothing is named that is to be edited.",
            "Name the finished job or its result too, or leave the region out.",
        )
    return _from_scene(request, view)


def _from_scene(request: JobRequest, view: SceneView) -> tuple[JobSpec, JobInputs]:
    around = view.surroundings(request.rig, request.domain, request.jitter)
    outputs = request.output_choice or dict.fromkeys(OUTPUTS, True)
    settings: dict[str, Any] = {
        "prompt": "",
        "domain": around.domain,
        "outputs": {**outputs, "preview_camera": around.preview},
    }
    settings |= {name: getattr(request, name) for name in NAMED if getattr(request, name) is not None}
    settings["model"] = request.model_fields
    if around.cameras is not None:
        settings["cameras"] = around.cameras
    if request.proxy is None:
        return presets.new_job(**settings, overrides=request.overrides), JobInputs()
    looseness = LOOSENESS if request.looseness is None else request.looseness
    # Its digest is known when the grid is, which is when everything else is judged.
    settings["field"] = {"proxy": ProxySpec("", looseness)}
    spec = presets.new_job(**settings, overrides=request.overrides)
    if spec.field.proxy is None:  # by an override
        return spec, JobInputs()
    shape = view.filled(request.proxy, spec.domain, spec.field.resolution)
    proxy = dataclasses.replace(spec.field.proxy, digest=shape.digest)
    field = dataclasses.replace(spec.field, proxy=proxy)
    # It stays in its proxy, and is not set down.
    domain = dataclasses.replace(spec.domain, floor=None)
    return dataclasses.replace(spec, field=field, domain=domain), JobInputs(proxy=shape)
