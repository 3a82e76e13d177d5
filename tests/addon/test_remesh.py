"""The mesh of a result is cut anew in its place, without the engine."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest

import sjc_blender
from sjc_blender.addon import api, job_location
from sjc_blender.addon.results import background_work, remesh
from sjc_blender.addon.results.import_mesh import import_mesh
from sjc_blender.addon.results.import_volume import import_volume
from sjc_blender.addon.ui.result import result_properties
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.spec import JobSpec, OutputSpec


@pytest.fixture
def field():
    """A soft ball of radius 0.6, red on the right and green on the left."""
    axis = (np.arange(24) + 0.5) / 12 - 1
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    density = 40 * np.clip((0.7 - np.sqrt(x * x + y * y + z * z)) * 5, 0, 1)
    rgb = np.where(x[..., None] > 0, [0.8, 0.1, 0.1], [0.1, 0.8, 0.1])
    return {
        "density": density.astype(np.float32),
        "rgb": rgb.astype(np.float32),
        "half_extents": np.ones(3),
        "voxel_size": np.float64(1 / 12),
        "matrix_world": np.eye(4),
        "version": np.int64(1),
    }


@pytest.fixture
def folder(scene, finished_job, field):
    remesh.refusals.clear()
    return finished_job(field=field)


def _radius(obj):
    return np.mean([vertex.co.length for vertex in obj.data.vertices])


def test_the_object_its_materials_and_modifiers_stay(scene, folder):
    obj = import_mesh(folder, scene)
    obj.location = (1, 2, 3)
    obj.modifiers.new("Mine", "SUBSURF")
    material, mesh = obj.active_material, obj.data
    before = _radius(obj)
    api.remesh(obj, 0.8)
    assert _radius(obj) < before - 0.02
    assert (obj.data, obj.active_material, obj.location[:]) == (mesh, material, (1, 2, 3))
    assert "Mine" in obj.modifiers
    assert obj["sjc_threshold"] == pytest.approx(0.8)
    assert not mesh.validate()
    assert mesh.color_attributes.active_color.name == "Color"


def test_the_automatic_threshold_is_told(scene, folder):
    obj = api.remesh(import_mesh(folder, scene), 0.9)
    api.remesh(obj)
    assert 0.4 < obj["sjc_threshold"] <= 0.5
    assert len(obj.data.polygons) > 100


def test_a_volume_cuts_the_mesh_of_its_job(scene, folder):
    mesh, volume = import_mesh(folder, scene), import_volume(folder, scene)
    assert api.remesh(volume, 0.7) == mesh
    assert mesh["sjc_threshold"] == pytest.approx(0.7)


def test_a_threshold_out_of_reach_leaves_the_mesh(scene, folder, field):
    field["density"] *= 0.01
    np.savez(folder.result / "field.npz", **field)
    obj = import_mesh(folder, scene)
    count = len(obj.data.polygons)
    with pytest.raises(SjcError) as told:
        api.remesh(obj, 0.95)
    assert told.value.code == "threshold_too_high"
    assert len(obj.data.polygons) == count > 0


def test_shape_keys_are_not_destroyed(scene, folder):
    obj = import_mesh(folder, scene)
    obj.shape_key_add()
    count = len(obj.data.polygons)
    with pytest.raises(SjcError) as told:
        api.remesh(obj, 0.7)
    assert told.value.code == "mesh_in_use"
    assert len(obj.data.polygons) == count


def test_without_the_jobs_folder_it_is_said_and_a_folder_beside_the_file_is_found(scene, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(job_location, "_in_this_session", {})
    obj = import_mesh(folder, scene)
    (tmp_path / "project" / "sjc_jobs").mkdir(parents=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "project" / "scene.blend"))
    folder.path.rename(tmp_path / "away")
    with pytest.raises(SjcError) as told:
        api.remesh(obj, 0.7)
    assert told.value.code == "result_folder_missing"
    (tmp_path / "away").rename(tmp_path / "project" / "sjc_jobs" / "job1")
    api.remesh(obj, 0.7)
    assert obj["sjc_threshold"] == pytest.approx(0.7)


def test_faces_are_reduced_by_a_modifier_that_follows_the_threshold(scene, folder):
    obj = api.remesh(import_mesh(folder, scene), 0.5, faces=300)
    graph = bpy.context.evaluated_depsgraph_get()
    assert len(obj.evaluated_get(graph).data.polygons) == pytest.approx(300, rel=0.1)
    api.remesh(obj, 0.2)
    graph = bpy.context.evaluated_depsgraph_get()
    assert len(obj.evaluated_get(graph).data.polygons) == pytest.approx(300, rel=0.1)
    api.remesh(obj, faces=0)
    assert not obj.modifiers


def test_what_the_spec_says_of_the_mesh_is_done_at_import(scene, finished_job, field):
    outputs = OutputSpec(mesh_threshold=0.3, mesh_smoothing=0.5, mesh_faces=200, mesh_texture=64)
    obj = import_mesh(finished_job(JobSpec("a red chair", outputs=outputs), field=field), scene)
    assert (obj["sjc_threshold"], obj["sjc_smoothing"]) == (pytest.approx(0.3), 0.5)
    assert obj.modifiers["SJC Faces"].ratio < 0.5
    assert obj.data.uv_layers.active.name == "SJC"


def test_a_slider_changes_the_active_result(scene, folder):
    sjc_blender.register()
    try:
        obj = import_mesh(folder, scene)
        settings = bpy.context.window_manager.sjc_result
        assert settings.threshold == pytest.approx(0.5, abs=0.02)
        before = _radius(obj)
        settings.threshold = 0.85
        assert settings.threshold == pytest.approx(0.85)
        assert _radius(obj) < before - 0.02
        settings.smoothing = 0.0
        assert obj["sjc_smoothing"] == 0.0
        settings.faces = 250
        assert (settings.faces, len(obj.modifiers)) == (250, 1)
        bpy.ops.sjc.auto_threshold()
        assert settings.threshold == pytest.approx(0.4, abs=0.02)
        assert _radius(obj) == pytest.approx(before, abs=1 / 24), "as large as before, to half a voxel"
    finally:
        sjc_blender.unregister()


def test_of_many_wishes_the_last_one_counts(scene, folder, monkeypatch):
    """As in a window, where a timer brings the outcome: here the timer is called by hand."""
    obj = import_mesh(folder, scene)
    monkeypatch.setattr(background_work, "bpy", _windowed())
    pushed = []
    monkeypatch.setattr(background_work, "push_undo", pushed.append)
    monkeypatch.setattr(background_work, "QUIET_SECONDS", 0.0)
    for threshold in (0.2, 0.3, 0.4, 0.8):
        remesh.request_cut(obj, remesh.Cut(threshold, 1.0))
    while background_work._tick() is not None:
        pass
    expected = _radius(obj)
    api.remesh(obj, 0.8, smoothing=1.0)
    assert _radius(obj) == pytest.approx(expected)
    assert pushed == ["SJC: Mesh"]


def _windowed():
    return SimpleNamespace(app=SimpleNamespace(background=False))


def test_the_texture_shows_the_fields_colours(scene, folder):
    obj = import_mesh(folder, scene)
    painted = obj.active_material
    api.bake_texture(obj, 128)
    image = obj.active_material.node_tree.nodes["Image Texture"].image
    assert image.packed_file is not None
    pixels = np.array(image.pixels[:]).reshape(128, 128, 4)
    uv = np.array([loop.uv for loop in obj.data.uv_layers["SJC"].data])
    at = np.clip((uv * 128).astype(int), 0, 127)
    right = np.array([obj.data.vertices[loop.vertex_index].co.x for loop in obj.data.loops])
    colours = pixels[at[:, 1], at[:, 0], :3]
    # sRGB of linear 0.8 and 0.1 is 0.906 and 0.349.
    np.testing.assert_allclose(np.median(colours[right > 0.2], axis=0), [0.906, 0.349, 0.349], atol=0.02)
    np.testing.assert_allclose(np.median(colours[right < -0.2], axis=0), [0.349, 0.906, 0.349], atol=0.02)
    api.remesh(obj, 0.4)
    assert obj.active_material == painted
    assert not obj.data.uv_layers


def test_an_impossible_texture_is_refused(scene, folder):
    with pytest.raises(SjcError) as told:
        api.bake_texture(import_mesh(folder, scene), 1 << 20)
    assert told.value.code == "bad_texture_size"


def test_other_objects_are_no_results(scene):
    bpy.ops.mesh.primitive_cube_add()
    assert result_properties.active_result() is None
    for action in (api.remesh, api.bake_texture):
        with pytest.raises(SjcError) as told:
            action(bpy.context.object)
        assert told.value.code == "not_a_result"
