"""Results leave Blender as files that other programs read, with their colours."""

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


@pytest.mark.parametrize(("name", "code"), [("chair.vdb", "unknown_format"), ("chair", "unknown_format")])
def test_what_cannot_be_written_is_said(scene, folder, tmp_path, name, code):
    with pytest.raises(SjcError) as told:
        api.export_result(import_mesh(folder, scene), tmp_path / name)
    assert told.value.code == code


@pytest.mark.parametrize("kind", ["glb", "ply", "obj", "vdb"])
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
