# SPDX-License-Identifier: GPL-3.0-or-later
"""The rig: a job's viewpoints, taken from the scene."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bpy

from ...protocol.errors import SjcError
from ...protocol.spec import Camera, CameraRig, DomainSpec, OrbitRig
from ..kept_values import is_number
from .animation import path_cameras
from .camera import WEIGHT_PROPERTY, UnusableCamera, described_camera, unusable_cameras
from .evaluated_scene import EvaluatedScene, Placed, may_instance
from .region import region_of
from .rig_choice import RigChoice, rig_choice
from .rig_report import framing, share_in_view

HELD = 0.95
"""Least share of the domain in a preview."""

LOOSEST = 2.0
"""Half of the picture's width, in half sides of the domain, beyond which the domain is too small in it."""

JITTER_PROPERTY = "sjc_jitter"
"""Custom property of a collection: degrees by which each draw may turn its cameras about the domain."""


def cameras_from_scene(
    rig: str | bpy.types.Collection | RigChoice,
    domain: DomainSpec,
    view: EvaluatedScene,
    *,
    jitter: float = 0.0,
) -> CameraRig | OrbitRig | None:
    """Bring the scene's viewpoints into the domain's frame.

    Parameters
    ----------
    rig : str, collection or RigChoice
        See `sjc_blender.addon.rigs.rig_choice.rig_choice`. A collection's cameras come with those of the
        collections in it, by name, so that a seed repeats.
    view : EvaluatedScene
        Its scene's render size and pixel aspect shape the pictures. Where a picture is not square, the
        centred square of it is used.
    jitter : float
        Degrees, 0 to 90, for cameras and animation; a collection's property ``sjc_jitter`` goes before it.

    Returns
    -------
    CameraRig, OrbitRig or None
        None for ``"ORBIT"``: the model's own orbit, which `protocol.presets.new_job` fills in. An OrbitRig for
        a region.

    Raises
    ------
    SjcError
        ``unknown_rig``; ``no_cameras`` if there are none; ``unusable_cameras`` with every camera that
        cannot be used and why; ``bad_jitter``; what `path_cameras` and `EvaluatedScene.several` raise.
    """
    choice = rig_choice(rig)
    if choice.mode == "ORBIT":
        return None
    if choice.mode == "ANIMATION":
        cameras = choice.played or path_cameras(choice, domain, view.scene)
        where = "the animation"
    else:
        assert choice.collection is not None
        cameras = _collected(choice.collection, domain, view)
        where = f"the collection {choice.collection.name!r}"
        jitter = choice.collection.get(JITTER_PROPERTY, jitter)
    if not any(camera.weight > 0 for camera in cameras):
        raise SjcError(
            "no_cameras",
            f"Every camera of {where} has the weight 0.",
            f"Give at least one a custom property {WEIGHT_PROPERTY!r} above 0.",
        )
    drawn = CameraRig(cameras=cameras, jitter=_checked_jitter(jitter, where))
    return region_of(drawn, where) if choice.mode == "REGION" else drawn


def _collected(collection: bpy.types.Collection, domain: DomainSpec, view: EvaluatedScene) -> tuple[Camera, ...]:
    cameras, unusable = [], []
    for placed in rig_cameras(collection, view):
        try:
            cameras.append(described_camera(placed, domain, view.scene))
        except UnusableCamera as trouble:
            unusable.append(trouble)
    if not cameras and not unusable:
        raise SjcError(
            "no_cameras",
            f"The collection {collection.name!r} has no cameras.",
            "Move cameras into it, add a camera rig, or choose the orbit.",
        )
    if unusable:
        raise unusable_cameras(f"the collection {collection.name!r}", unusable)
    return tuple(sorted(cameras, key=lambda camera: camera.name))


def rig_cameras(collection: bpy.types.Collection, view: EvaluatedScene) -> Iterator[Placed]:
    """Return the cameras of a collection, and those that its objects instance; see `EvaluatedScene.several`."""
    # What cannot instance a camera need not be evaluated: a rig may stand among the objects of a whole set.
    objects = [obj for obj in collection.all_objects if obj.type == "CAMERA" or may_instance(obj)]
    found = view.several(objects, f"rig {collection.name!r}")
    return (placed for placed in found if placed.evaluated.type == "CAMERA")


def preview_camera(domain: DomainSpec, view: EvaluatedScene) -> Camera | None:
    """Return the scene's camera if the domain is well framed: nearly complete, and not too small."""
    camera = view.camera()
    if camera is None:
        return None
    try:
        described = described_camera(camera, domain, view.scene)
    except UnusableCamera:
        return None
    whole = share_in_view(described, domain) >= HELD
    return described if whole and framing(described) <= LOOSEST else None


def _checked_jitter(jitter: Any, where: str) -> float:
    if not is_number(jitter) or not 0 <= jitter <= 90:
        raise SjcError(
            "bad_jitter",
            f"The jitter of {where} is {jitter!r}; allowed are 0 to 90 degrees.",
            f"Change it, or the collection's custom property {JITTER_PROPERTY!r}.",
        )
    return float(jitter)
