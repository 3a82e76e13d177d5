# SPDX-License-Identifier: GPL-3.0-or-later
"""One camera of the scene, described in the domain's frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import bpy
import numpy as np

from ...protocol.errors import SjcError
from ...protocol.spec import Camera, DomainSpec
from ...protocol.validation import camera_faults
from ..kept_values import is_number
from .animated_property import custom_property
from .domain import SHEAR_TOLERANCE, DomainFrame
from .evaluated_scene import Placed

WEIGHT_PROPERTY = "sjc_weight"
"""Custom property of a camera: how often it is drawn, relative to the others."""

TEXT_PROPERTY = "sjc_prompt"
"""Custom property of a camera: what the model is told there instead of view words; ``{prompt}`` in it is the prompt."""

MOST_NAMED = 8
"""Most cameras named in a message; the others are counted."""

Window = tuple[float, float, float, float]


class UnusableCamera(Exception):
    """Raised for an unusable camera, with the reason and a remedy."""

    def __init__(self, name: str, what: str, remedy: str) -> None:
        super().__init__(f"The camera {name!r} {what}.")
        self.remedy = f"{remedy[0].upper()}{remedy[1:]}."


def unusable_cameras(where: str, cameras: Sequence[UnusableCamera]) -> SjcError:
    """Return one error that names all unusable cameras with the reasons."""
    if len(cameras) == 1:
        return SjcError("unusable_cameras", str(cameras[0]), cameras[0].remedy)
    sentences = [f"  - {camera} {camera.remedy}" for camera in cameras[:MOST_NAMED]]
    if len(cameras) > MOST_NAMED:
        sentences.append(f"  - and {len(cameras) - MOST_NAMED} more.")
    listed = "\n".join(sentences)
    return SjcError("unusable_cameras", f"{len(cameras)} cameras of {where} cannot be used:\n{listed}")


def described_camera(placed: Placed, domain: DomainSpec, scene: bpy.types.Scene, *, name: str = "") -> Camera:
    """Describe a camera object in the domain's frame, parents and constraints evaluated.

    Parameters
    ----------
    scene : bpy.types.Scene
        Its render size and pixel aspect shape the picture. Where it is not square, its centred square is used.
    name : str
        What messages call it; empty: the object's name.

    Raises
    ------
    UnusableCamera
    """
    name = name or placed.name
    rotation, position = _rigid(name, placed.matrix)
    frame = DomainFrame.of(domain)
    window, projection = _window(name, placed, scene)
    if projection == "orthographic":
        left, right, bottom, top = (edge / frame.scale for edge in window)
        window = (left, right, bottom, top)
    camera = Camera(
        name=name,
        pose=frame.pose(rotation, position),
        window=window,
        projection=projection,
        weight=_weight(name, placed.evaluated),
        view_text=_text(name, placed.evaluated),
    )
    _require_view(camera, domain)
    return camera


def _rigid(name: str, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation [3,3] and position [3] in world space; a camera's own scale means nothing."""
    lengths = np.linalg.norm(matrix[:3, :3], axis=0)
    if not np.isfinite(matrix).all() or lengths.min() < 1e-9:
        raise UnusableCamera(name, "is scaled to nothing", "give it a scale of 1")
    axes = matrix[:3, :3] / lengths
    if np.abs(axes.T @ axes - np.eye(3)).max() > SHEAR_TOLERANCE:
        raise UnusableCamera(name, "is sheared by its parents", "apply the scale of its parents")
    if np.linalg.det(axes) < 0:
        raise UnusableCamera(name, "is mirrored by a negative scale", "make the scales positive")
    left, _singular, right = np.linalg.svd(axes)
    return left @ right, matrix[:3, 3]


def _window(name: str, placed: Placed, scene: bpy.types.Scene) -> tuple[Window, Literal["perspective", "orthographic"]]:
    """Edges of the centred square picture: tangents, or world units of an orthographic camera."""
    evaluated = placed.evaluated
    assert isinstance(evaluated.data, bpy.types.Camera)
    kind = evaluated.data.type
    if kind not in {"PERSP", "ORTHO"}:
        label = {"PANO": "panoramic"}.get(kind, f"of the kind {kind.lower()}")
        raise UnusableCamera(name, f"is {label}", "make it perspective or orthographic")
    render = scene.render
    share = render.resolution_percentage / 100
    projection = evaluated.calc_matrix_camera(
        placed.depsgraph,
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


def _weight(name: str, obj: bpy.types.Object) -> float:
    weight = custom_property(obj, WEIGHT_PROPERTY, 1.0)
    if not is_number(weight) or weight < 0:
        what = f"has the weight {weight!r}"
        raise UnusableCamera(name, what, f"make its custom property {WEIGHT_PROPERTY!r} a number of 0 or more")
    return float(weight)


def _text(name: str, obj: bpy.types.Object) -> str:
    text = custom_property(obj, TEXT_PROPERTY, "")
    if not isinstance(text, str):
        what = f"has the text {text!r}"
        raise UnusableCamera(name, what, f"make its custom property {TEXT_PROPERTY!r} a text")
    return text.strip()


def _require_view(camera: Camera, domain: DomainSpec) -> None:
    """Raise UnusableCamera if the validation of specs refuses this camera."""
    for fault in camera_faults(camera, repr(camera.name), domain):
        what = fault.value if isinstance(fault.value, str) else f"cannot be used: {fault}"
        verb = "is " if what.startswith("inside") else ""
        raise UnusableCamera(camera.name, verb + what, f"use {fault.allowed}")
