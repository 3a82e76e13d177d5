"""What the benchmark of meshes finds in Blender: nothing on a good mesh, and each fault that it is there for."""

import bmesh
import bpy
import numpy as np
import pytest

from benchmarks.in_blender.mesh_look import Paint, look_at
from benchmarks.in_blender.open_meshes import opened
from sjc_blender.addon import api
from sjc_blender.surface.surface import SurfaceCutter


@pytest.fixture
def folder(finished_job):
    """Two coloured balls beside each other."""
    n = 20
    axis = (np.arange(n, dtype=np.float32) + 0.5) * 2 / n - 1
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    density = np.where((np.abs(x) - 0.5) ** 2 + y * y + z * z < 0.12, 40, 0).astype(np.float32)
    rgb = (np.stack([x, y, z], axis=-1) / 2 + 0.5).astype(np.float32)
    field = {
        "version": np.int32(1),
        "density": density,
        "rgb": rgb,
        "half_extents": np.ones(3),
        "voxel_size": np.float64(2 / n),
        "matrix_world": np.eye(4),
    }
    surface = SurfaceCutter(density, rgb, 2 / n).cut()
    mesh = {name: getattr(surface, name) for name in ("vertices", "faces", "normals", "colours")}
    return finished_job(field=field, mesh=mesh | {"version": np.int32(1)})


@pytest.fixture
def textured(scene, folder):
    (obj,) = api.import_result(folder.path, outputs=["mesh"])
    api.bake_texture(obj, 64)
    return obj


def test_a_good_mesh_is_in_order_as_imported_and_out_of_every_file(scene, folder):
    looks = opened(folder.path)
    assert list(looks) == ["imported", "glb", "obj"]
    for look in looks.values():
        assert look["faults"] == []
        assert look["parts"] == 2
        assert look["outward"] == 1


def test_a_folder_without_a_result_is_a_fault(scene, finished_job):
    looks = opened(finished_job().path)
    assert "mesh.npz" in looks["imported"]["faults"][0]


def test_places_and_normals_are_those_in_the_world(textured):
    before = look_at(textured, Paint(textured))
    textured.matrix_world = ((0, 2, 0, 3), (-2, 0, 0, 4), (0, 0, 2, 5), (0, 0, 0, 1))
    bpy.context.view_layer.update()
    look = look_at(textured, Paint(textured))
    assert look["faults"] == []
    assert look["volume"] == pytest.approx(8 * before["volume"])


def changed(obj, change):
    edited = bmesh.new()
    edited.from_mesh(obj.data)
    edited.faces.ensure_lookup_table()
    change(edited)
    edited.to_mesh(obj.data)
    edited.free()


def turned(obj):
    changed(obj, lambda mesh: bmesh.ops.reverse_faces(mesh, faces=[f for f in mesh.faces if f.verts[0].co.x < 0]))


def holed(obj):
    changed(obj, lambda mesh: bmesh.ops.delete(mesh, geom=mesh.faces[:1], context="FACES_ONLY"))


def emptied(obj):
    changed(obj, lambda mesh: mesh.clear())


def unlit(obj):
    normals = np.empty(len(obj.data.loops) * 3, dtype=np.float32)
    obj.data.corner_normals.foreach_get("vector", normals)
    obj.data.normals_split_custom_set((-normals).reshape(-1, 3).tolist())


def image_of(obj):
    (node,) = [node for node in obj.active_material.node_tree.nodes if node.type == "TEX_IMAGE"]
    return node.image


def painted(obj, colour):
    image = image_of(obj)
    image.pixels.foreach_set(np.full((image.size[0] * image.size[1], 4), colour, dtype=np.float32).ravel())


def mirrored(obj):
    image = image_of(obj)
    pixels = np.empty(image.size[0] * image.size[1] * 4, dtype=np.float32)
    image.pixels.foreach_get(pixels)
    image.pixels.foreach_set(pixels.reshape(image.size[1], -1)[::-1].ravel())


FAULTS = {
    "no faces": emptied,
    "not closed": holed,
    "no positive volume": turned,
    "normals point inwards": unlit,
    "no UV map": lambda obj: obj.data.uv_layers.remove(obj.data.uv_layers.active),
    "no image": lambda obj: obj.data.materials.clear(),
    "neither packed": lambda obj: image_of(obj).unpack(method="REMOVE"),
    "one colour": lambda obj: painted(obj, 0.5),
    "other colours": mirrored,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(textured, fault):
    paint = Paint(textured)
    FAULTS[fault](textured)
    assert any(fault in found for found in look_at(textured, paint)["faults"])
