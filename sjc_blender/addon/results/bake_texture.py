# SPDX-License-Identifier: GPL-3.0-or-later
"""Baking a mesh's colours from its field into a texture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from ...protocol.errors import SjcError
from ...surface.surface import SurfaceCutter
from ...surface.texture import texture_places
from ...surface.uv_charts import unwrap
from . import background_work
from .materials import show_material, textured_material
from .object_frame import ObjectFrame, frame_of
from .origin import job_folder_of
from .remesh import PAINTED_PROPERTY, cut_of, cutter_of, refusals

UV_LAYER = "SJC"
SIZES = (512, 1024, 2048, 4096)
UNDO_MESSAGE = "SJC: Texture"
KEY = "texture "
"""Prefix of the key of the background task; the name of the mesh follows."""


@dataclass(frozen=True)
class _Flat:
    """A mesh as arrays, with its unwrapped texture."""

    uv: np.ndarray
    pixels: np.ndarray


@dataclass(frozen=True)
class _Shape:
    """A copy of Blender's mesh for another thread, in domain units."""

    vertices: np.ndarray
    vertex_normals: np.ndarray
    corner_vertex: np.ndarray
    corner_face: np.ndarray
    triangle_corners: np.ndarray


def bake_texture(obj: bpy.types.Object, size: int = 1024, *, wait: bool = True) -> None:
    """Unwrap a result's mesh and bake the field's colours into a texture.

    The texture lies packed in the .blend. The mesh gets a material of its own that shows it; the one that it had
    stays in the file, and comes back when the mesh is cut anew.

    Parameters
    ----------
    obj : Object, its name, or its job
        The mesh of a job; it may have been edited.
    size : int
        Pixels along a side, 64 to 4096.
    wait : bool
        False: work beside the main thread; the panel tells what goes wrong.

    Raises
    ------
    SjcError
        ``not_a_result``, ``result_folder_missing``, ``no_result``, ``broken_result``, ``bad_texture_size``.
    """
    mesh = obj.data
    if not isinstance(mesh, bpy.types.Mesh) or not len(mesh.polygons):
        raise SjcError("not_a_result", f"{obj.name!r} is not a mesh with faces.", "Choose the mesh of a result.")
    if not 64 <= size <= SIZES[-1]:
        raise SjcError("bad_texture_size", f"A texture of {size} pixels; possible are 64 to {SIZES[-1]}.")
    folder, smoothing, name = job_folder_of(obj), cut_of(obj).smoothing, obj.name
    shape = _shape(mesh, frame_of(obj))

    def work() -> _Flat:
        return _bake(shape, cutter_of(folder, smoothing), size)

    def finish(outcome: _Flat | SjcError) -> None:
        found = bpy.data.objects.get(name)
        if isinstance(outcome, SjcError):
            refusals[name] = outcome
        elif found is not None and len(found.data.loops) == len(outcome.uv):  # type: ignore[union-attr]
            _apply(found, outcome)
        elif found is not None:
            # The mesh was replaced in the meantime: bake the new one.
            bake_texture(found, size, wait=False)

    if wait:
        _apply(obj, work())
    else:
        background_work.start(KEY + name, work, finish, UNDO_MESSAGE)


def _shape(mesh: bpy.types.Mesh, frame: ObjectFrame) -> _Shape:
    def read(items: Any, attribute: str, width: int, kind: type) -> np.ndarray:
        values: np.ndarray = np.empty(len(items) * width, dtype=kind)
        items.foreach_get(attribute, values)
        return values.reshape(-1, width) if width > 1 else values

    mesh.calc_loop_triangles()
    totals = read(mesh.polygons, "loop_total", 1, np.int32)
    return _Shape(
        vertices=frame.to_domain(read(mesh.vertices, "co", 3, np.float32)),
        vertex_normals=read(mesh.vertices, "normal", 3, np.float32),
        corner_vertex=read(mesh.loops, "vertex_index", 1, np.int32),
        corner_face=np.repeat(np.arange(len(totals)), totals),
        triangle_corners=read(mesh.loop_triangles, "loops", 3, np.int32),
    )


def _bake(shape: _Shape, cutter: SurfaceCutter, size: int) -> _Flat:
    faces = int(shape.corner_face[-1]) + 1
    corner_normals = shape.vertex_normals[shape.corner_vertex]
    sums = [np.bincount(shape.corner_face, corner_normals[:, i], faces) for i in range(3)]
    directions = np.stack(sums, axis=1).astype(np.float64)
    corners = shape.vertices[shape.corner_vertex]
    uv = unwrap(corners, shape.corner_face, shape.corner_vertex, directions, size)
    places = texture_places(uv[shape.triangle_corners], size)
    points = places.values(corners[shape.triangle_corners]).astype(np.float32)
    normals = places.values(corner_normals[shape.triangle_corners]).astype(np.float32)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    pixels = np.zeros((size, size, 4), dtype=np.float32)
    pixels[..., 3] = 1.0
    pixels[places.triangle >= 0, :3] = _to_srgb(cutter.colours_at(points, normals))
    return _Flat(uv, pixels)


def _to_srgb(linear: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1; an image of 8 bits holds sRGB."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-6) ** (1 / 2.4) - 0.055)


def _apply(obj: bpy.types.Object, flat: _Flat) -> None:
    mesh = obj.data
    assert isinstance(mesh, bpy.types.Mesh)
    layer = mesh.uv_layers.get(UV_LAYER) or mesh.uv_layers.new(name=UV_LAYER, do_init=False)
    mesh.uv_layers.active = layer
    layer.active_render = True
    layer.uv.foreach_set("vector", flat.uv.ravel())
    size = len(flat.pixels)
    image = bpy.data.images.new(obj.name, size, size, alpha=False)
    pixels: Any = image.pixels
    pixels.foreach_set(flat.pixels.ravel())
    image.update()
    image.pack()
    material = textured_material(f"{obj.name} texture", image)
    if obj.active_material is not None:
        material.diffuse_color = obj.active_material.diffuse_color
        if obj.get(PAINTED_PROPERTY) is None:
            obj[PAINTED_PROPERTY] = obj.active_material
    show_material(obj, material)
