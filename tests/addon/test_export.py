"""Results leave Blender as files that other programs read, with their colours."""

import struct

import bmesh
import bpy
import numpy as np
import pytest

from sjc_blender.addon import api
from sjc_blender.addon.results.import_mesh import import_mesh
from sjc_blender.addon.results.import_volume import import_volume
from sjc_blender.protocol.errors import SjcError


@pytest.fixture
def folder(scene, finished_job, small_field):
    small_field["density"][...] = 50
    return finished_job(field=small_field)


@pytest.mark.parametrize("ending", ["glb", "ply", "obj"])
def test_a_mesh_comes_back_in_its_size_with_its_colours(scene, folder, tmp_path, ending):
    obj = import_mesh(folder, scene)
    other = bpy.data.objects.new("other", bpy.data.meshes.new("other"))
    scene.collection.objects.link(other)
    other.select_set(True)
    size, count = obj.dimensions.copy(), len(obj.data.vertices)
    path = api.export_result(obj, tmp_path / f"chair.{ending}")
    assert other.select_get()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    {
        "glb": lambda: bpy.ops.import_scene.gltf(filepath=str(path)),
        "ply": lambda: bpy.ops.wm.ply_import(filepath=str(path)),
        "obj": lambda: bpy.ops.wm.obj_import(filepath=str(path)),
    }[ending]()
    (read,) = [obj for obj in bpy.data.objects if obj.type == "MESH"]
    assert np.allclose(sorted(read.dimensions), sorted(size), atol=1e-4)
    assert len(read.data.vertices) >= count
    assert len(read.data.color_attributes) == 1


def test_a_glb_with_a_texture_shows_it_alone(scene, folder, tmp_path):
    """Colours of vertices are multiplied with a texture wherever a GLB is read."""
    obj = import_mesh(folder, scene)
    api.bake_texture(obj, 64)
    path = api.export_result(obj, tmp_path / "chair.glb")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=str(path))
    (read,) = [obj for obj in bpy.data.objects if obj.type == "MESH"]
    (surface,) = [node for node in read.active_material.node_tree.nodes if node.type == "BSDF_PRINCIPLED"]
    assert surface.inputs["Base Color"].links[0].from_node.type == "TEX_IMAGE"


def test_an_obj_has_its_texture_beside_it(scene, folder, tmp_path):
    obj = import_mesh(folder, scene)
    api.bake_texture(obj, 64)
    api.export_result(obj, tmp_path / "chair.obj")
    assert "map_Kd chair.png" in (tmp_path / "chair.mtl").read_text()
    assert (tmp_path / "chair.png").is_file()


def test_a_volume_is_copied(scene, folder, tmp_path):
    volume = import_volume(folder, scene)
    path = api.export_result(volume, tmp_path / "chair.vdb")
    copy = bpy.data.volumes.new("copy")
    copy.filepath = str(path)
    assert copy.grids.load()
    assert {grid.name for grid in copy.grids} == {"density", "color"}
    assert api.export_result(volume, volume.data.filepath).is_file()  # onto itself


def usd_of(scene, folder, target, kind="mesh"):
    api.import_result(folder, show=kind)
    (seen,) = [obj for obj in scene.objects if not obj.hide_viewport]
    hidden_before = {obj.name: (obj.hide_viewport, obj.hide_render, len(obj.users_collection)) for obj in scene.objects}
    path = api.export_result(seen, target)
    assert hidden_before == {
        obj.name: (obj.hide_viewport, obj.hide_render, len(obj.users_collection)) for obj in scene.objects
    }
    return path, seen.dimensions.copy()


@pytest.mark.parametrize("ending", ["usdc", "usda"])
def test_a_usd_comes_back_from_another_folder_with_its_colours_and_its_volume(scene, folder, tmp_path, ending):
    path, size = usd_of(scene, folder, tmp_path / "first" / f"ein Stühlchen.{ending}")
    moved = tmp_path / "elsewhere"
    path.parent.rename(moved)
    for vdb in folder.path.rglob("*.vdb"):
        vdb.unlink()  # it is not that one which is read
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.usd_import(filepath=str(moved / path.name), import_visible_only=False, read_mesh_colors=True)
    (mesh,) = [obj for obj in bpy.data.objects if obj.type == "MESH"]
    (volume,) = [obj for obj in bpy.data.objects if obj.type == "VOLUME"]
    assert np.allclose(mesh.dimensions, size, atol=1e-4)
    assert [colours.name for colours in mesh.data.color_attributes] == ["displayColor"]
    linked = [
        link.from_node.type for link in mesh.active_material.node_tree.links if link.to_socket.name == "Base Color"
    ]
    assert linked in (["ATTRIBUTE"], ["VERTEX_COLOR"])
    assert volume.data.grids.load(), volume.data.grids.error_message
    assert {grid.name for grid in volume.data.grids} == {"density", "color"}
    assert str(tmp_path) not in (moved / path.name).read_bytes().decode("latin-1")


@pytest.mark.parametrize(("kind", "count"), [("mesh", {"MESH"}), ("volume", {"VOLUME"})])
def test_who_opens_a_usd_sees_what_was_seen(scene, folder, tmp_path, kind, count):
    path, _size = usd_of(scene, folder, tmp_path / "chair.usdc", kind)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.usd_import(filepath=str(path), import_visible_only=True)
    assert {obj.type for obj in bpy.data.objects} - {"EMPTY"} == count


def test_a_usd_has_its_texture_beside_it(scene, folder, tmp_path):
    obj = import_mesh(folder, scene)
    api.bake_texture(obj, 64)
    path = api.export_result(obj, tmp_path / "chair.usda")
    pictures = [line.strip() for line in path.read_text().splitlines() if "inputs:file" in line]
    assert pictures == ["asset inputs:file = @./chair.png@"] and (tmp_path / "chair.png").is_file()


def corners_of(path):
    content = path.read_bytes()
    (count,) = struct.unpack_from("<I", content, 80)
    triangles = np.frombuffer(content, np.dtype([("f", "<f4", 12), ("attribute", "<u2")]), count, 84)
    return triangles["f"].reshape(-1, 4, 3)[:, 1:].astype(np.float64)


def test_an_stl_is_in_millimetres_and_faces_outwards(scene, folder, tmp_path):
    obj = import_mesh(folder, scene)
    scene.unit_settings.scale_length = 0.1
    obj.scale = (1.0, -0.5, 2.0)  # mirrored
    bpy.context.view_layer.update()
    corners = corners_of(api.export_result(obj, tmp_path / "chair.stl"))
    assert np.allclose(np.ptp(corners.reshape(-1, 3), axis=0), np.array(obj.dimensions) * 100, rtol=1e-4)
    assert (
        np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() > 0
    )  # six times its volume


def test_an_stl_with_a_hole_is_refused_and_the_older_one_stays(scene, folder, tmp_path):
    obj = import_mesh(folder, scene)
    older = api.export_result(obj, tmp_path / "chair.stl").read_bytes()
    shape = bmesh.new()
    shape.from_mesh(obj.data)
    shape.faces.ensure_lookup_table()
    shape.faces.remove(shape.faces[0])
    shape.to_mesh(obj.data)
    with pytest.raises(SjcError, match="hole") as told:
        api.export_result(obj, tmp_path / "chair.stl")
    assert told.value.code == "not_closed"
    assert [path.name for path in tmp_path.glob("*.stl")] == ["chair.stl"]
    assert (tmp_path / "chair.stl").read_bytes() == older


@pytest.mark.parametrize(("name", "code"), [("chair.vdb", "unknown_format"), ("chair", "unknown_format")])
def test_what_cannot_be_written_is_said(scene, folder, tmp_path, name, code):
    with pytest.raises(SjcError) as told:
        api.export_result(import_mesh(folder, scene), tmp_path / name)
    assert told.value.code == code


@pytest.mark.parametrize("kind", ["glb", "ply", "obj", "vdb", "stl", "usdc"])
def test_an_export_makes_its_folders(scene, folder, tmp_path, kind):
    obj = import_volume(folder, scene) if kind == "vdb" else import_mesh(folder, scene)
    path = api.export_result(obj, tmp_path / "new" / "folder" / f"chair.{kind}")
    assert path.stat().st_size and not [file for file in path.parent.iterdir() if file.name.startswith(".")]


def test_a_hidden_mesh_is_said_to_be_hidden(scene, folder, tmp_path):
    obj = import_mesh(folder, scene)
    obj.hide_set(True)
    with pytest.raises(SjcError) as told:
        api.export_result(obj, tmp_path / "chair.glb")
    assert "hidden" in told.value.message


def test_a_look_keeps_what_was_changed_in_the_other(scene, folder):
    volume = import_volume(folder, scene)
    radiance = volume.active_material
    radiance.node_tree.nodes.new("ShaderNodeValue").label = "mine"
    api.set_look(volume, "SCATTERING")
    scattering = volume.active_material
    assert scattering.node_tree.nodes["Group"].node_tree.name == "SJC Scattering"
    api.set_look(volume, "RADIANCE")
    assert volume.active_material == radiance
    assert any(node.label == "mine" for node in radiance.node_tree.nodes)
    api.set_look(volume, "SCATTERING")
    assert volume.active_material == scattering
    assert len(volume.data.materials) == 1
    with pytest.raises(SjcError):
        api.set_look(volume, "FOG")
