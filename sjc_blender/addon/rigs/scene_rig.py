# SPDX-License-Identifier: GPL-3.0-or-later
"""The rig of the scene's settings, with its report."""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from ...protocol.model_profile import load_profile
from ...protocol.profile_content import ModelProfile
from ...protocol.spec import CameraRig, DomainSpec, JobSpec, OrbitRig
from .domain import domain_object, domain_spec, standing_box
from .evaluated_scene import EvaluatedScene, evaluated
from .rig import cameras_from_scene
from .rig_choice import RigChoice, rig_choice
from .rig_report import RigReport, report_on

GIVEN_VIEWS = "reference_views"
"""Family of models with their own cameras, for which nothing is chosen or reported."""


@dataclass(frozen=True)
class SceneRig:
    """The viewpoints and the domain of a job.

    Attributes
    ----------
    rig : OrbitRig or CameraRig
    domain : DomainSpec
    profile : ModelProfile
        Of the model that is to look.
    report : RigReport
    """

    rig: OrbitRig | CameraRig
    domain: DomainSpec
    profile: ModelProfile
    report: RigReport


def scene_rig(
    rig: str | bpy.types.Collection | RigChoice,
    domain: bpy.types.Object | str | None,
    scene: bpy.types.Scene,
    *,
    jitter: float = 0.0,
    model: str = "builtin",
) -> SceneRig:
    """Return the viewpoints of the scene with a report; arguments and errors as of `api.generate`."""
    profile = load_profile(model)
    with evaluated(scene) as view:
        box, chosen = job_viewpoints(rig, domain, view, jitter)
    orbit = profile.orbit
    viewpoints = chosen or OrbitRig(
        distance=orbit.distance, elevation=orbit.elevation, field_of_view=orbit.field_of_view
    )
    report = report_on(viewpoints, box, profile, picture=_picture(scene))
    return SceneRig(viewpoints, box, profile, report)


def job_viewpoints(
    rig: str | bpy.types.Collection | RigChoice,
    domain: bpy.types.Object | str | None,
    view: EvaluatedScene,
    jitter: float = 0.0,
) -> tuple[DomainSpec, CameraRig | OrbitRig | None]:
    """Return the domain of a job and its viewpoints, None for the model's own; arguments and errors as `api.generate`.

    The domain is that of a chosen object. Without one it is [-1, 1]^3 where cameras are chosen, for they look there,
    and `standing_box` where nothing is.
    """
    choice, named = rig_choice(rig), domain_object(domain)
    box = standing_box(view.scene) if named is None and choice.mode == "ORBIT" else domain_spec(named, view)
    return box, cameras_from_scene(choice, box, view, jitter=jitter)


def rig_warnings(spec: JobSpec) -> list[str]:
    """Return warnings about what a job's rig does not see."""
    profile = load_profile(spec.model.source)
    if profile.family == GIVEN_VIEWS:
        return []
    return report_on(spec.cameras, spec.domain, profile).warnings


def _picture(scene: bpy.types.Scene) -> tuple[int, int]:
    """Size of the render in square pixels."""
    render = scene.render
    share = render.resolution_percentage / 100
    return (
        round(render.resolution_x * share * max(1.0, render.pixel_aspect_x / render.pixel_aspect_y)),
        round(render.resolution_y * share * max(1.0, render.pixel_aspect_y / render.pixel_aspect_x)),
    )
