# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolving a request and a scene into a `JobSpec` and its input files."""

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
"""Fields of a request with the same names as those of the spec."""


def resolved(request: JobRequest, view: SceneView) -> tuple[JobSpec, JobInputs]:
    """Return the validated spec of a request, and its input files.

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
    # Their digests are known when the shapes are, which is when everything else is judged.
    if request.proxy is not None:
        looseness = LOOSENESS if request.looseness is None else request.looseness
        settings["field"] = {"proxy": ProxySpec("", looseness)}
    if request.guide is not None:
        said = {"strength": request.guide_strength, "picture": request.guide_picture}
        settings["guide"] = {"digest": "", **{name: value for name, value in said.items() if value is not None}}
    if request.picture is not None:
        strength = {} if request.picture_strength is None else {"strength": request.picture_strength}
        settings["picture"] = {"digest": "", **strength}
    spec = presets.new_job(**settings, overrides=request.overrides)
    # It stays in its shapes, and is not set down.
    standing = dataclasses.replace(spec.domain, floor=None)
    inputs = JobInputs()
    if request.proxy is not None and spec.field.proxy is not None:  # an override may have taken it away
        shape = view.filled(request.proxy, spec.domain, spec.field.resolution)
        proxy = dataclasses.replace(spec.field.proxy, digest=shape.digest)
        spec = dataclasses.replace(spec, field=dataclasses.replace(spec.field, proxy=proxy), domain=standing)
        inputs = dataclasses.replace(inputs, proxy=shape)
    if request.guide is not None and spec.guide is not None:
        mesh = view.guide(request.guide, spec.domain)
        spec = dataclasses.replace(spec, guide=dataclasses.replace(spec.guide, digest=mesh.digest), domain=standing)
        inputs = dataclasses.replace(inputs, guide=mesh)
    if request.picture is not None and spec.picture is not None:
        picture = view.picture(request.picture)
        spec = dataclasses.replace(spec, picture=dataclasses.replace(spec.picture, digest=picture.digest))
        inputs = dataclasses.replace(inputs, picture=picture)
    return spec, inputs
