"""PLY and GLB, read back by another library and by the bytes."""

import json
import struct
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import trimesh

from sjc_blender.engine.results.mesh_files import write_glb, write_ply
from sjc_blender.protocol.errors import SjcError

# A tetrahedron with its one high corner at the front (-Y); the colours are linear.
VERTICES = np.array([[0, 0.5, 0], [-0.5, -0.5, 0], [0.5, -0.5, 0], [0, -0.25, 1]], dtype=np.float32)
FACES = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]], dtype=np.int32)
COLOURS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.002, 0.21586]], dtype=np.float32)


@pytest.fixture
def mesh() -> SimpleNamespace:
    normals = trimesh.Trimesh(VERTICES, FACES, process=False).vertex_normals.astype(np.float32)
    return SimpleNamespace(vertices=VERTICES, triangles=FACES, normals=normals, colours=COLOURS)


def _glb_chunks(path: Path) -> tuple[dict, bytes]:
    content = path.read_bytes()
    magic, version, length, json_length = struct.unpack_from("<4sIII", content)
    assert (magic, version, length) == (b"glTF", 2, len(content))
    document = json.loads(content[20 : 20 + json_length])
    return document, content[20 + json_length + 8 :]


def test_ply_keeps_vertices_faces_normals_and_srgb_colours(tmp_path: Path, mesh: SimpleNamespace) -> None:
    write_ply(tmp_path / "m.ply", mesh)
    read = trimesh.load(tmp_path / "m.ply", process=False)
    np.testing.assert_array_equal(read.vertices, VERTICES)
    np.testing.assert_array_equal(read.faces, FACES)
    np.testing.assert_allclose(read.vertex_normals, mesh.normals, atol=1e-6)
    # Linear 0.5, 0.002 and 0.21586 are 188, 7 and 128 in sRGB.
    assert read.visual.vertex_colors[:, :3].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255], [188, 7, 128]]


def test_glb_stands_upright_and_its_front_faces_plus_z(tmp_path: Path, mesh: SimpleNamespace) -> None:
    write_glb(tmp_path / "m.glb", mesh, "a red chair")
    scene = trimesh.load(tmp_path / "m.glb", process=False)
    (read,) = scene.geometry.values()
    np.testing.assert_array_equal(read.faces, FACES)
    np.testing.assert_allclose(read.vertices[3], [0, 1, 0.25])  # was 1 high, .25 to the front
    np.testing.assert_allclose(read.vertices[2], [0.5, 0, 0.5])
    assert read.is_watertight
    assert read.volume == pytest.approx(trimesh.Trimesh(VERTICES, FACES).volume)
    np.testing.assert_allclose(read.vertex_normals[3], mesh.normals[3][[0, 2, 1]] * [1, 1, -1], atol=1e-6)


def test_glb_colours_are_the_linear_ones_in_floats(tmp_path: Path, mesh: SimpleNamespace) -> None:
    write_glb(tmp_path / "m.glb", mesh, "ein grüner Stuhl")
    document, binary = _glb_chunks(tmp_path / "m.glb")
    accessor = document["accessors"][document["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"]]
    assert (accessor["componentType"], accessor["type"], accessor["count"]) == (5126, "VEC3", 4)
    start = document["bufferViews"][accessor["bufferView"]]["byteOffset"]
    colours = np.frombuffer(binary, "<f4", 12, start).reshape(4, 3)
    np.testing.assert_array_equal(colours, COLOURS)
    assert document["nodes"][0]["name"] == "ein grüner Stuhl"
    position = document["accessors"][document["meshes"][0]["primitives"][0]["attributes"]["POSITION"]]
    assert (position["min"], position["max"]) == ([-0.5, 0, -0.5], [0.5, 1, 0.5])


@pytest.mark.parametrize("write", [write_ply, lambda path, mesh: write_glb(path, mesh, "x")])
def test_a_folder_that_is_not_there_is_told(tmp_path: Path, mesh: SimpleNamespace, write) -> None:
    with pytest.raises(SjcError) as told:
        write(tmp_path / "missing" / "m", mesh)
    assert told.value.code == "folder_not_writable"
