"""The rig: which cameras of the scene the job looks through, in the domain's frame."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

import bpy
import numpy as np

from ...protocol.errors import SjcError
from ...protocol.spec import Camera, CameraRig, DomainSpec, JobSpec
from ...protocol.validation import faults
from .domain import SHEAR_TOLERANCE, DomainFrame

WEIGHT_PROPERTY = "sjc_weight"
"""Custom property of a camera: how often it is drawn, relative to the others."""

JITTER_PROPERTY = "sjc_jitter"
"""Custom property of a collection: degrees by which each draw may turn its cameras about the domain."""

Window = tuple[float, float, float, float]


def cameras_from_scene(
    rig: Literal["ORBIT"] | bpy.types.Collection,
    domain: DomainSpec,
    scene: bpy.types.Scene,
    depsgraph: bpy.types.Depsgraph,
    *,
    jitter: float = 0.0,
) -> CameraRig | None:
    """Bring the cameras of a collection into the domain's frame.

    Parameters
    ----------
    rig : "ORBIT" or bpy.types.Collection
        The cameras of a collection and of the collections in it; by name, so that a seed repeats.
    domain : DomainSpec
    scene : bpy.types.Scene
        Its render size and pixel aspect shape the pictures. Where a picture is not square, the
        centred square of it is used.
    depsgraph : bpy.types.Depsgraph
    jitter : float
        Degrees, 0 to 90; the collection's property ``sjc_jitter`` goes before it.

    Returns
    -------
    CameraRig or None
        None for ``"ORBIT"``: the model's own orbit, which `protocol.presets.new_job` fills in.

    Raises
    ------
    SjcError
        ``no_cameras`` if the collection has none; ``unusable_cameras`` with every camera that
        cannot be used and why; ``bad_jitter``.
    """
    if rig == "ORBIT":
        return None
    assert not isinstance(rig, str)
    objects = sorted((o for o in rig.all_objects if o.type == "CAMERA"), key=lambda o: o.name)
    if not objects:
        raise SjcError(
            "no_cameras",
            f"The collection {rig.name!r} has no cameras.",
            "Move cameras into it, add a camera rig, or choose the orbit.",
        )
    cameras, unusable = [], []
    for obj in objects:
        try:
            cameras.append(_camera(obj, domain, scene, depsgraph))
        except _UnusableCamera as trouble:
            unusable.append(trouble)
    if unusable:
        raise _unusable_cameras(rig.name, unusable)
    if not any(camera.weight > 0 for camera in cameras):
        raise SjcError(
            "no_cameras",
            f"Every camera of the collection {rig.name!r} has the weight 0.",
            f"Give at least one a custom property {WEIGHT_PROPERTY!r} above 0.",
        )
    return CameraRig(cameras=tuple(cameras), jitter=_jitter(rig, jitter))


def preview_camera(scene: bpy.types.Scene, domain: DomainSpec, depsgraph: bpy.types.Depsgraph) -> Camera | None:
    """Give the scene's camera, or None if there is none or it does not see the domain."""
    if scene.camera is None or scene.camera.type != "CAMERA":
        return None
    try:
        return _camera(scene.camera, domain, scene, depsgraph)
    except _UnusableCamera:
        return None


class _UnusableCamera(Exception):
    """A camera that cannot be used: what it is or does, and what to do about it."""

    def __init__(self, name: str, what: str, remedy: str) -> None:
        super().__init__(f"The camera {name!r} {what}.")
        self.remedy = f"{remedy[0].upper()}{remedy[1:]}."


def _unusable_cameras(collection: str, cameras: list[_UnusableCamera]) -> SjcError:
    if len(cameras) == 1:
        return SjcError("unusable_cameras", str(cameras[0]), cameras[0].remedy)
    sentences = "\n".join(f"  - {camera} {camera.remedy}" for camera in cameras)
    message = f"{len(cameras)} cameras of the collection {collection!r} cannot be used:\n{sentences}"
    return SjcError("unusable_cameras", message)


def _camera(
    obj: bpy.types.Object, domain: DomainSpec, scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph
) -> Camera:
    """Describe one camera object in the domain's frame, parents and constraints evaluated."""
    evaluated = obj.evaluated_get(depsgraph)
    rotation, position = _rigid(obj.name, evaluated)
    frame = DomainFrame.of(domain)
    window, projection = _window(evaluated, scene, depsgraph)
    if projection == "orthographic":
        left, right, bottom, top = (edge / frame.scale for edge in window)
        window = (left, right, bottom, top)
    camera = Camera(
        name=obj.name,
        pose=frame.pose(rotation, position),
        window=window,
        projection=projection,
        weight=_weight(obj),
    )
    _require_view(camera, domain)
    return camera


def _rigid(name: str, evaluated: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """Rotation [3,3] and position [3] in world space; a camera's own scale means nothing."""
    matrix = np.array(evaluated.matrix_world, dtype=np.float64)
    lengths = np.linalg.norm(matrix[:3, :3], axis=0)
    if not np.isfinite(matrix).all() or lengths.min() < 1e-9:
        raise _UnusableCamera(name, "is scaled to nothing", "give it a scale of 1")
    axes = matrix[:3, :3] / lengths
    if np.abs(axes.T @ axes - np.eye(3)).max() > SHEAR_TOLERANCE:
        raise _UnusableCamera(name, "is sheared by its parents", "apply the scale of its parents")
    if np.linalg.det(axes) < 0:
        raise _UnusableCamera(name, "is mirrored by a negative scale", "make the scales positive")
    left, _singular, right = np.linalg.svd(axes)
    return left @ right, matrix[:3, 3]


def _window(
    evaluated: bpy.types.Object, scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph
) -> tuple[Window, Literal["perspective", "orthographic"]]:
    """Edges of the centred square picture: tangents, or world units of an orthographic camera."""
    assert isinstance(evaluated.data, bpy.types.Camera)
    kind = evaluated.data.type
    if kind not in {"PERSP", "ORTHO"}:
        label = {"PANO": "panoramic"}.get(kind, f"of the kind {kind.lower()}")
        raise _UnusableCamera(evaluated.name, f"is {label}", "make it perspective or orthographic")
    render = scene.render
    share = render.resolution_percentage / 100
    projection = evaluated.calc_matrix_camera(
        depsgraph,
        x=max(1, int(render.resolution_x * share)),
        y=max(1, int(render.resolution_y * share)),
        scale_x=render.pixel_aspect_x,
        scale_y=render.pixel_aspect_y,
    )
    perspective = kind == "PERSP"
    edges = []
    for row in (0, 1):
        # Where clip space is -1 and +1: P[0][0] x + P[0][2] z = +-w, with w = -z = 1, or w = 1.
        offset = -projection[row][2] if perspective else projection[row][3]
        edges += [(sign - offset) / projection[row][row] for sign in (-1.0, 1.0)]
    return _centred_square(edges), "perspective" if perspective else "orthographic"


def _centred_square(edges: list[float]) -> Window:
    left, right, bottom, top = edges
    half = min(right - left, top - bottom) / 2
    x, y = (left + right) / 2, (bottom + top) / 2
    return x - half, x + half, y - half, y + half


def _weight(obj: bpy.types.Object) -> float:
    weight = obj.get(WEIGHT_PROPERTY, 1.0)
    if not _is_number(weight) or weight < 0:
        what = f"has the weight {weight!r}"
        raise _UnusableCamera(obj.name, what, f"make its custom property {WEIGHT_PROPERTY!r} a number of 0 or more")
    return float(weight)


def _jitter(collection: bpy.types.Collection, jitter: float) -> float:
    value = collection.get(JITTER_PROPERTY, jitter)
    if not _is_number(value) or not 0 <= value <= 90:
        raise SjcError(
            "bad_jitter",
            f"The jitter of the collection {collection.name!r} is {value!r}; allowed are 0 to 90 degrees.",
            f"Change or remove its custom property {JITTER_PROPERTY!r}.",
        )
    return float(value)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _require_view(camera: Camera, domain: DomainSpec) -> None:
    """Ask the one place that judges specs whether this camera can be used."""
    alone = CameraRig(cameras=(dataclasses.replace(camera, weight=1.0),))
    for fault in faults(JobSpec(prompt="any", cameras=alone, domain=domain)):
        what = fault.value if isinstance(fault.value, str) else f"cannot be used: {fault}"
        verb = "is " if what.startswith("inside") else ""
        raise _UnusableCamera(camera.name, verb + what, f"use {fault.allowed}")
