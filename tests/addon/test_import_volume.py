"""A field becomes a Volume object whose voxels, colours and place are the field's."""

import dataclasses
import json
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix, Vector

from sjc_blender.addon.results.import_volume import import_volume
from sjc_blender.addon.results.object_frame import domain_now
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.spec import DomainSpec, JobSpec

PLACE = Matrix.LocRotScale((3, -1, 2), Euler((0.3, -0.5, 1.1)), (2.5, 2.5, 2.5))


def spec_at(matrix, **fields):
    rows = tuple(tuple(row) for row in matrix)
    domain = DomainSpec(half_extents=(1.0, 0.75, 0.5), matrix_world=rows)
    return JobSpec(**{"prompt": "a red chair", "seed": 7, "preset": "draft", "domain": domain, **fields})


def vdb_grids(obj):
    bpy.utils.expose_bundled_modules()
    import openvdb

    grids, _metadata = openvdb.readAll(bpy.path.abspath(obj.data.filepath))
    return {grid.name: grid for grid in grids}


def test_every_voxel_has_its_value_and_its_place(scene, finished_job, small_field):
    obj = import_volume(finished_job(spec_at(PLACE), field=small_field), scene)
    bpy.context.view_layer.update()
    grids = vdb_grids(obj)
    assert {name: grid.valueTypeName for name, grid in grids.items()} == {"density": "float", "color": "vec3s"}
    density, colour = grids["density"].getConstAccessor(), grids["color"].getConstAccessor()
    for index in np.ndindex(4, 3, 2):
        # Per unit of the object, which is one of the world: the domain's unit is 2.5 of them.
        assert density.getValue(index) == pytest.approx(small_field["density"][index] / 2.5)
        assert np.allclose(colour.getValue(index), small_field["rgb"][index])
        # By hand: the box is 2 x 1.5 x 1, a voxel 0.5, so the first centre is at (-0.75, -0.5, -0.25).
        centre = np.array((-0.75, -0.5, -0.25)) + 0.5 * np.array(index)
        if bpy.app.version < (5, 0, 0):
            centre -= 0.25  # 4.5 takes this for the voxel's corner (test_result_pictures.py is the proof)
        world = obj.matrix_world @ Matrix(obj.data.grids["density"].matrix_object) @ Matrix.Translation(index)
        assert np.allclose(world.translation, np.array(PLACE @ Matrix.Translation(centre))[:3, 3], atol=1e-5)
    assert density.getValue((4, 0, 0)) == 0.0


def test_empty_space_is_left_out_and_does_not_darken_the_rim(scene, finished_job, small_field):
    density = np.zeros((8, 6, 4), np.float32)
    density[2, 3, 1] = 5.0
    arrays = {**small_field, "density": density, "rgb": np.full((8, 6, 4, 3), 0.5, np.float32)}
    arrays["voxel_size"] = np.float64(0.25)
    grids = vdb_grids(import_volume(finished_job(field=arrays), scene))
    assert grids["density"].activeVoxelCount() == 1
    assert grids["color"].activeVoxelCount() == 18, "not below what is filled"
    colour = grids["color"].getConstAccessor()
    assert colour.getValue((0, 0, 0)) == colour.getValue((2, 2, 1)) == pytest.approx((0.5, 0.5, 0.5))


@pytest.mark.parametrize("low", [(3, 5, 7), (8, 16, 9), (13, 2, 15)])
def test_its_box_begins_at_its_feet_and_fits_it(scene, finished_job, small_field, low):
    density = np.zeros((40, 40, 40), np.float32)
    x, y, z = low
    density[x : x + 9, y : y + 9, z : z + 17] = 5.0
    arrays = {**small_field, "density": density, "rgb": np.full((*density.shape, 3), 0.5, np.float32)}
    arrays |= {"voxel_size": np.float64(0.05), "half_extents": np.ones(3)}
    spec = JobSpec("a red chair", domain=DomainSpec(half_extents=(1.0, 1.0, 1.0)))
    obj = import_volume(finished_job(spec, field=arrays), scene)
    bpy.context.view_layer.update()
    corners = np.array([obj.matrix_world @ Vector(corner) for corner in obj.bound_box])
    first = np.array(low) * 0.05 - 1
    assert corners.min(axis=0)[2] == pytest.approx(first[2], abs=1e-5), "what is dragged onto a floor stands on it"
    assert corners.min(axis=0)[:2] == pytest.approx(first[:2] - 0.05, abs=1e-5), "colours reach a voxel further"
    assert np.all(np.ptp(corners, axis=0) <= np.array((9 + 2, 9 + 2, 17 + 1)) * 0.05 + 7 * 0.05 + 1e-5)


def test_solid_shading_shows_a_body(scene, finished_job, small_field):
    arrays = {**small_field, "density": np.where(small_field["density"] > 4, np.float32(300), np.float32(0))}
    assert import_volume(finished_job(field=arrays), scene).data.display.density == pytest.approx(60)


def test_the_object_knows_how_it_was_made(scene, finished_job, small_field):
    spec = spec_at(PLACE, seed=2**40, prompt="ein roter Stuhl, wie früher")
    obj = import_volume(finished_job(spec, name="job 12", field=small_field), scene)
    assert obj.name == "ein roter Stuhl, wie früher volume"
    assert obj["sjc_prompt"] == spec.prompt
    assert obj["sjc_seed"] == str(2**40)
    assert (obj["sjc_model"], obj["sjc_preset"], obj["sjc_job"]) == ("builtin", "draft", "job 12")
    settings = json.loads(obj["sjc_settings"])
    assert settings["seed"] == 2**40
    assert settings["optimisation"]["steps"] == spec.optimisation.steps


def test_a_small_seed_is_a_number(scene, finished_job, small_field):
    assert import_volume(finished_job(field=small_field), scene)["sjc_seed"] == 7


def test_it_is_selected_and_active_alone(scene, finished_job, small_field):
    other = bpy.data.objects.new("Other", None)
    scene.collection.objects.link(other)
    other.select_set(True)
    obj = import_volume(finished_job(field=small_field), scene)
    assert bpy.context.view_layer.objects.active == obj
    assert bpy.context.selected_objects == [obj]


def test_someone_who_edits_is_not_disturbed(scene, finished_job, small_field):
    bpy.ops.mesh.primitive_cube_add()
    edited = bpy.context.object
    bpy.ops.object.mode_set(mode="EDIT")
    obj = import_volume(finished_job(field=small_field), scene)
    assert obj.name in scene.objects
    assert bpy.context.view_layer.objects.active == edited
    assert edited.mode == "EDIT"


def test_it_lands_in_the_scene_it_was_asked_for(scene, finished_job, small_field):
    second = bpy.data.scenes.new("Second")
    obj = import_volume(finished_job(field=small_field), second)
    assert obj.name in second.objects
    assert obj.name not in scene.objects


def test_importing_again_shares_the_file_alone(scene, finished_job, small_field):
    folder = finished_job(field=small_field)
    first, second = import_volume(folder, scene), import_volume(folder, scene)
    assert first.name != second.name
    assert first.data != second.data
    assert first.data.filepath == second.data.filepath
    assert first.data.materials[0] != second.data.materials[0]


def test_unsaved_it_lies_in_the_jobs_folder(scene, finished_job, small_field):
    folder = finished_job(field=small_field)
    obj = import_volume(folder, scene)
    path = Path(obj.data.filepath)
    assert path.is_absolute()
    assert path.parent == folder.result.resolve()


def test_beside_a_saved_file_the_path_is_relative_and_moves_with_it(scene, finished_job, small_field, tmp_path):
    home = tmp_path / "project"
    home.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(home / "scene.blend"))
    name = import_volume(finished_job(field=small_field), scene).name
    stored = bpy.data.objects[name].data.filepath
    assert stored.startswith("//sjc")
    assert (home / "sjc" / Path(stored.replace("\\", "/")).name).is_file()
    bpy.ops.wm.save_mainfile()
    home.rename(tmp_path / "moved")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "moved" / "scene.blend"))
    volume = bpy.data.objects[name].data
    assert volume.grids.load(), volume.grids.error_message
    assert [grid.name for grid in volume.grids] == ["color", "density"]


def test_any_prompt_makes_a_file_name(scene, finished_job, small_field):
    for number, prompt in enumerate(("../../etc/passwd", "a/b\\c:d*?", "…", "x" * 500, "line\none", "椅子")):
        spec = JobSpec(prompt, preset="draft")
        obj = import_volume(finished_job(spec, name=f"job{number}", field=small_field), scene)
        assert Path(obj.data.filepath).is_file()
        assert len(Path(obj.data.filepath).name) < 80


def test_an_empty_field_is_said_and_leaves_nothing(scene, finished_job, small_field):
    arrays = {**small_field, "density": np.zeros((4, 3, 2), np.float32)}
    with pytest.raises(SjcError) as caught:
        import_volume(finished_job(field=arrays), scene)
    assert caught.value.code == "empty_result"
    assert len(bpy.data.objects) == len(bpy.data.volumes) == len(bpy.data.materials) == 0


def test_where_nothing_can_be_put_beside_it_the_file_lies_in_the_job(scene, finished_job, small_field, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    (tmp_path / "sjc").write_text("a file where the folder should be")
    folder = finished_job(field=small_field)
    obj = import_volume(folder, bpy.context.scene)
    assert Path(obj.data.filepath).parent == folder.result.resolve() and obj.data.grids.load()


def test_a_full_disk_is_said_and_leaves_nothing(scene, finished_job, small_field):
    resource = pytest.importorskip("resource")
    density = np.random.default_rng(0).random((40, 30, 20), np.float32)
    arrays = {**small_field, "density": density, "rgb": np.stack([density] * 3, -1), "voxel_size": np.float64(0.05)}
    folder = finished_job(field=arrays)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limit[1]))
    try:
        with pytest.raises(SjcError, match="could not be written"):
            import_volume(folder, scene)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert sorted(path.name for path in folder.result.iterdir()) == ["field.npz", "metrics.json"]
    assert len(bpy.data.objects) == len(bpy.data.volumes) == 0


def test_one_step_back_takes_it_away_and_one_forth_brings_it_again(scene, finished_job, small_field):
    bpy.ops.ed.undo_push(message="Before")
    name = import_volume(finished_job(field=small_field), scene).name
    bpy.ops.ed.undo_push(message="SJC result")
    bpy.ops.ed.undo()
    assert name not in bpy.data.objects
    bpy.ops.ed.redo()
    assert bpy.data.objects[name].data.grids.load()
    assert bpy.data.objects[name]["sjc_job"] == "job1"


def test_the_domain_decides_the_place(scene, finished_job, small_field):
    spec = spec_at(PLACE)
    obj = import_volume(finished_job(dataclasses.replace(spec, seed=1), field=small_field), scene)
    bpy.context.view_layer.update()
    assert np.allclose(domain_now(obj), PLACE, atol=1e-5)
