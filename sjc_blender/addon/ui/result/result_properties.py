# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of the active result: ``window_manager.sjc_result``.

The values live in the object, and go with it through files and undo. These properties only show and set them: those
of a window manager push no undo step of their own, so that a drag is undone in one step together with its mesh.
"""

import dataclasses
from typing import Any

import bpy
from bpy.props import EnumProperty, FloatProperty, IntProperty, PointerProperty

from ....protocol.errors import SjcError
from ...results import remesh, volume_look
from ...results.bake_texture import SIZES
from ...results.origin import is_result, mesh_of

LOOK_NUMBERS = {"RADIANCE": 1, "SCATTERING": 2}


def active_result() -> bpy.types.Object | None:
    """The active object, if it came from a job."""
    obj = bpy.context.view_layer.objects.active if bpy.context.view_layer is not None else None
    return obj if is_result(obj) else None


def _mesh() -> bpy.types.Object | None:
    obj = active_result()
    return mesh_of(obj) if obj is not None else None


def _cut(**changes: Any) -> None:
    mesh = _mesh()
    if mesh is None or mesh.mode != "OBJECT":
        return
    try:
        remesh.request_cut(mesh, dataclasses.replace(remesh.cut_of(mesh), **changes))
    except SjcError as error:
        remesh.refusals[mesh.name] = error


def _present_cut() -> remesh.Cut:
    mesh = _mesh()
    return remesh.cut_of(mesh) if mesh is not None else remesh.Cut(remesh.THRESHOLD_SHOWN, remesh.SMOOTHING)


def _get_faces(_: Any) -> int:
    mesh = _mesh()
    return remesh.face_limit(mesh) if mesh is not None else 0


def _set_faces(_: Any, value: int) -> None:
    mesh = _mesh()
    if mesh is not None:
        remesh.reduce_faces(mesh, value)


def _get_look(_: Any) -> int:
    obj = active_result()
    return LOOK_NUMBERS.get(volume_look.look_of(obj), 0) if obj is not None else 0


def _set_look(_: Any, value: int) -> None:
    obj = active_result()
    if obj is not None and obj.type == "VOLUME":
        volume_look.set_look(obj, next(look for look, number in LOOK_NUMBERS.items() if number == value))


class SJC_PG_result(bpy.types.PropertyGroup):
    """Settings of the active result."""

    threshold: FloatProperty(
        name="Threshold",
        description="The surface is where a ray from outside has lost this share of its light. Lower: fuller; "
        "higher: leaner. Changes made to the mesh by hand are lost",
        min=0.01,
        max=0.99,
        subtype="FACTOR",
        precision=2,
        get=lambda _: _present_cut().threshold or 0.0,
        set=lambda _, value: _cut(threshold=value),
    )
    smoothing: FloatProperty(
        name="Smoothing",
        description="Width in voxels by which the density is smoothed before the surface is cut",
        min=0.0,
        max=3.0,
        step=10,
        precision=1,
        get=lambda _: _present_cut().smoothing,
        set=lambda _, value: _cut(smoothing=value),
    )
    faces: IntProperty(
        name="Faces",
        description="About how many triangles a Decimate modifier leaves of the mesh; 0: all",
        min=0,
        soft_max=100_000,
        step=100,
        get=_get_faces,
        set=_set_faces,
    )
    texture_size: EnumProperty(
        name="Texture",
        description="Pixels along a side of the texture",
        items=[(str(size), f"{size} px", "") for size in SIZES],
        default="1024",
    )
    look: EnumProperty(
        name="Look",
        description="How the Volume is shaded",
        items=[
            ("RADIANCE", "Radiance", "Glows in its own colours, as it was optimised; needs no lamp", 1),
            ("SCATTERING", "Scattering", "A cloud of its colours that lamps light, and that casts shadows", 2),
        ],
        get=_get_look,
        set=_set_look,
    )


PROPERTIES = ((bpy.types.WindowManager, "sjc_result", PointerProperty(type=SJC_PG_result)),)
