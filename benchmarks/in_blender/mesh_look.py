"""What a mesh in the scene is like: its shape, its normals, and the texture that it shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np
import numpy.typing as npt
from mathutils.kdtree import KDTree

from sjc_blender.surface.connected_parts import connected_parts

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

TEXTURE_ERROR = 0.05
"""Mean difference of texture and paint, of values from 0 to 1, up to which the texture is the mesh's own."""


class Paint:
    """The colours of a mesh's vertices, by their place in the world.

    Parameters
    ----------
    obj : bpy.types.Object
        A mesh with a colour attribute of its vertices.
    """

    def __init__(self, obj: bpy.types.Object) -> None:
        mesh: Any = obj.data
        self._colours = _to_srgb(_read(mesh.color_attributes.active_color.data, "color", 4, np.float32)[:, :3])
        self._tree = KDTree(len(mesh.vertices))
        for index, place in enumerate(_to_world(obj, _read(mesh.vertices, "co", 3, np.float32))):
            self._tree.insert(place, index)
        self._tree.balance()

    def at(self, places: Floats) -> Floats:
        """sRGB [N, 3] of the vertices nearest to places [N, 3]."""
        nearest: Any = [self._tree.find(place)[1] for place in places]
        return self._colours[nearest]


def look_at(obj: bpy.types.Object, paint: Paint) -> dict[str, Any]:
    """Measure a mesh, and say what is wrong with it.

    Parameters
    ----------
    obj : bpy.types.Object
        A mesh with a texture.
    paint : Paint
        What the texture should show.

    Returns
    -------
    dict
        ``faces``, ``parts``; ``volume`` of all parts, in cubic world units; ``outward``, the share of the area whose
        normals point outwards; ``texture_error``, see `TEXTURE_ERROR`; and ``faults``, sentences. What could not be
        measured is left out.
    """
    mesh: Any = obj.data
    look: dict[str, Any] = {"faces": len(mesh.polygons), "faults": []}
    if not mesh.polygons:
        look["faults"] = ["it has no faces"]
        return look
    mesh.calc_loop_triangles()
    corners = _read(mesh.loop_triangles, "loops", 3, np.int32)
    look["faults"] += _shape(obj, mesh, corners, look)
    look["faults"] += _texture(obj, mesh, paint, look)
    return look


def _shape(obj: bpy.types.Object, mesh: Any, corners: Indices, look: dict[str, Any]) -> list[str]:
    """Faults of the surface itself, where vertices at one place are one: files split them along the texture's seams."""
    places, vertex = np.unique(_read(mesh.vertices, "co", 3, np.float32), axis=0, return_inverse=True)
    places = _to_world(obj, places)
    triangles = vertex.ravel()[_read(mesh.loops, "vertex_index", 1, np.int32)][corners]
    p, q, r = places[triangles].transpose(1, 0, 2)
    facing = np.cross(q - p, r - p)
    part = connected_parts(len(places), triangles[:, [[0, 1], [1, 2]]].reshape(-1, 2).astype(np.int64))
    volumes = np.bincount(part[triangles[:, 0]], np.einsum("tc,tc->t", p, facing) / 6)
    normals = _read(mesh.corner_normals, "vector", 3, np.float32) @ np.array(obj.matrix_world.inverted().to_3x3())
    outward = np.einsum("tc,tc->t", normals[corners].mean(axis=1), facing) >= 0
    area = np.linalg.norm(facing, axis=1)
    look |= {
        "parts": len(volumes),
        "volume": float(volumes.sum()),
        "outward": float(area[outward].sum() / area.sum()),
    }
    found = {
        "it is not closed": not _closed(triangles, len(places)),
        "a part of it encloses no positive volume": not (volumes > 0).all(),
        f"{1 - look['outward']:.1%} of its normals point inwards": look["outward"] < 1,
    }
    return [fault for fault, true in found.items() if true]


def _closed(triangles: Indices, count: int) -> bool:
    """Whether each edge is run through as often one way as the other."""
    edges = np.concatenate([triangles[:, [i, (i + 1) % 3]] for i in range(3)]).astype(np.int64)
    return np.array_equal(np.sort(edges @ [count, 1]), np.sort(edges @ [1, count]))


def _texture(obj: bpy.types.Object, mesh: Any, paint: Paint, look: dict[str, Any]) -> list[str]:
    if mesh.uv_layers.active is None:
        return ["it has no UV map"]
    image = _image_of(obj.active_material)
    if image is None:
        return ["its material shows no image"]
    if image.packed_file is None and not Path(bpy.path.abspath(image.filepath)).is_file():
        return [f"its image {image.name!r} is neither packed nor in a file"]
    width, height = image.size
    pixels: Floats = np.empty(width * height * 4, dtype=np.float32)
    image.pixels.foreach_get(pixels)
    pixels = pixels.reshape(height, width, 4)[..., :3]
    uv = _read(mesh.uv_layers.active.uv, "vector", 2, np.float32)
    if uv.min() < 0 or uv.max() > 1:
        return ["its UV map leaves the texture"]
    column, row = (uv * [width, height]).astype(int).clip(0, [width - 1, height - 1]).T
    shown = pixels[row, column]
    if not np.ptp(shown, axis=0).any():
        return ["its texture is one colour"]
    places = _to_world(obj, _read(mesh.vertices, "co", 3, np.float32))
    painted = paint.at(places)[_read(mesh.loops, "vertex_index", 1, np.int32)]
    look["texture_error"] = error = float(np.abs(shown - painted).mean())
    return [f"its texture has other colours than its vertices (by {error:.2f})"] if error > TEXTURE_ERROR else []


def _image_of(material: bpy.types.Material | None) -> Any:
    """Give the image that a material's surface takes its colour from, or None."""
    if material is None or material.node_tree is None:
        return None
    surfaces = [node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED"]
    links = [link for node in surfaces for link in node.inputs["Base Color"].links]
    return next((link.from_node.image for link in links if link.from_node.type == "TEX_IMAGE"), None)


def _to_srgb(linear: Floats) -> Floats:
    """IEC 61966-2-1; the pixels of an image of 8 bits are sRGB."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-6) ** (1 / 2.4) - 0.055)


def _to_world(obj: bpy.types.Object, places: Floats) -> Floats:
    matrix = np.array(obj.matrix_world)
    return places @ matrix[:3, :3].T + matrix[:3, 3]


def _read(items: Any, attribute: str, width: int, kind: type) -> Any:
    values: Any = np.empty(len(items) * width, dtype=kind)
    items.foreach_get(attribute, values)
    return values.reshape(-1, width) if width > 1 else values
