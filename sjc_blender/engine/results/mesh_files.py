# SPDX-License-Identifier: GPL-3.0-or-later
"""Meshes for other programs: PLY and GLB.

Written out by hand: it takes a page, and the writers at hand keep vertex colours in eight bits,
too few for the linear light that glTF asks for.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ...protocol.atomic_write import atomic_path
from ...surface.surface import Surface
from ..image_files.srgb import from_linear, to_bytes

PLY_HEADER = """ply
format binary_little_endian 1.0
comment Z up; colours are sRGB
element vertex {vertices}
property float x
property float y
property float z
property float nx
property float ny
property float nz
property uchar red
property uchar green
property uchar blue
element face {faces}
property list uchar int vertex_indices
end_header
"""

# glTF 2.0's numbers for component types and buffer targets.
_UINT32, _FLOAT32 = 5125, 5126
_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963


def write_ply(path: Path, mesh: Surface) -> None:
    """Write a binary PLY: positions and normals with Z up, colours as 8-bit sRGB (what readers of PLY expect).

    Raises
    ------
    SjcError
        ``disk_full`` or ``folder_not_writable``; the file that was there stays.
    """
    triangles = mesh.triangles
    vertices = np.empty(len(mesh.vertices), dtype=[("position", "<f4", 3), ("normal", "<f4", 3), ("colour", "u1", 3)])
    vertices["position"] = mesh.vertices
    vertices["normal"] = mesh.normals
    vertices["colour"] = to_bytes(from_linear(torch.from_numpy(mesh.colours)))
    faces = np.empty(len(triangles), dtype=[("count", "u1"), ("corners", "<i4", 3)])
    faces["count"] = 3
    faces["corners"] = triangles
    header = PLY_HEADER.format(vertices=len(vertices), faces=len(faces))
    with atomic_path(path) as temporary:
        temporary.write_bytes(header.encode("ascii") + vertices.tobytes() + faces.tobytes())


def write_glb(path: Path, mesh: Surface, name: str) -> None:
    """Write a binary glTF 2.0: Y up, the front facing +Z, colours linear in 32-bit floats.

    https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html, sections 3.4 (axes), 3.7.2.1
    (COLOR_0 is linear and multiplies the base colour) and 4 (the container).

    Parameters
    ----------
    name : str
        Of the object; the prompt.

    Raises
    ------
    SjcError
        ``disk_full`` or ``folder_not_writable``; the file that was there stays.
    """
    buffer = _Buffer()
    positions = _y_up(mesh.vertices)
    bounds = {"min": positions.min(axis=0).tolist(), "max": positions.max(axis=0).tolist()}
    attributes = {
        "POSITION": buffer.add(positions, "VEC3", _FLOAT32, _ARRAY_BUFFER, **bounds),
        "NORMAL": buffer.add(_y_up(mesh.normals), "VEC3", _FLOAT32, _ARRAY_BUFFER),
        "COLOR_0": buffer.add(mesh.colours, "VEC3", _FLOAT32, _ARRAY_BUFFER),
    }
    indices = buffer.add(mesh.triangles.ravel().astype("<u4"), "SCALAR", _UINT32, _ELEMENT_ARRAY_BUFFER)
    material = {"name": name, "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 1.0}}
    document = {
        "asset": {"version": "2.0", "generator": "sjc_blender"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": name, "mesh": 0}],
        "meshes": [{"name": name, "primitives": [{"attributes": attributes, "indices": indices, "material": 0}]}],
        "materials": [material],
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": len(buffer.data)}],
    }
    with atomic_path(path) as temporary:
        temporary.write_bytes(_container(json.dumps(document).encode("utf-8"), bytes(buffer.data)))


class _Buffer:
    """glTF's one buffer, with the views and accessors that say what lies in it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def add(self, values: npt.NDArray[Any], kind: str, component: int, target: int, **bounds: list[float]) -> int:
        """Append little-endian `values` of 4 bytes each; returns the accessor's index."""
        content = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).tobytes()
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content), "target": target}
        accessor = {"bufferView": len(self.views), "componentType": component, "count": len(values), "type": kind}
        self.data += content
        self.views.append(view)
        self.accessors.append(accessor | bounds)
        return len(self.accessors) - 1


def _y_up(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """From Z up, front -Y to glTF's Y up, front +Z."""
    x, y, z = vectors.T
    return np.stack([x, z, -y], axis=-1)


def _container(document: bytes, binary: bytes) -> bytes:
    """A GLB of the JSON chunk (padded by spaces) and the binary chunk (of whole 4 bytes already)."""
    document += b" " * (-len(document) % 4)
    chunks = struct.pack("<I4s", len(document), b"JSON") + document
    chunks += struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
