"""A result comes into the scene that it was made for, whatever happens to files and names meanwhile."""

import shutil

import bpy
import pytest

from sjc_blender.addon import api
from sjc_blender.addon.jobs import pump
from sjc_blender.addon.jobs.destination import SCENE_PROPERTY, Destination
from sjc_blender.protocol.errors import SjcError
from tests.addon.jobs.processes import until


@pytest.fixture
def begun(addon, scene, monkeypatch, tmp_path):
    """Begin a job in a saved file, and give a function that waits for its end."""
    for folder in "ab":
        (tmp_path / folder).mkdir()
    save(tmp_path / "a" / "one.blend")

    def begin():
        job = api.generate("a chair", model="some/model", negative_prompt="success", folder=tmp_path / "job")
        until(lambda: pump.step() or job.progress, seconds=10.0)
        return job

    return begin


def save(path, **options):
    bpy.ops.wm.save_as_mainfile(filepath=str(path), **options)


def load(path):
    bpy.ops.wm.open_mainfile(filepath=str(path))


def ended(job):
    until(lambda: pump.step() or not (job.live or job.awaits_import), seconds=10.0)
    return job


def results(scene=None):
    return [obj.name for obj in (scene or bpy.context.scene).objects]


def test_save_as_in_mid_job_takes_the_result_along(begun, tmp_path):
    job = begun()
    save(tmp_path / "b" / "two.blend")
    assert ended(job).import_error is None and len(results()) == 2
    (volume,) = bpy.data.volumes
    assert volume.filepath.startswith("//sjc")
    load(tmp_path / "a" / "one.blend")
    assert not results()


def test_another_file_with_a_scene_of_the_same_name_gets_nothing_and_the_right_one_gets_it_later(begun, tmp_path):
    save(tmp_path / "b" / "two.blend", copy=True)
    job = begun()
    load(tmp_path / "b" / "two.blend")
    assert bpy.context.scene.name == "Scene"
    assert ended(job).import_error.code == "scene_missing" and not results()
    assert "one.blend, which is not open" in job.import_error.message
    assert "Open that file" in job.import_error.hint and str(job.folder.path) in job.import_error.hint
    load(tmp_path / "a" / "one.blend")
    assert ended(job).import_error is None and len(results()) == 2


def test_a_copy_of_the_file_that_has_the_scenes_id_too_gets_nothing(begun, tmp_path):
    job = begun()
    save(tmp_path / "a" / "one.blend")
    shutil.copy(tmp_path / "a" / "one.blend", tmp_path / "b" / "copy.blend")
    load(tmp_path / "b" / "copy.blend")
    assert bpy.context.scene[SCENE_PROPERTY] == job.destination.id
    assert ended(job).import_error.code == "scene_missing" and not results()


def test_after_save_as_the_old_file_is_another_one(begun, tmp_path):
    job = begun()
    save(tmp_path / "b" / "two.blend")
    load(tmp_path / "a" / "one.blend")
    assert ended(job).import_error.code == "scene_missing" and not results()
    assert "two.blend" in job.import_error.message
    load(tmp_path / "b" / "two.blend")
    assert len(ended(job).imported) == 2 and len(results()) == 2


def test_a_copy_that_was_saved_aside_changes_nothing(begun, tmp_path):
    job = begun()
    save(tmp_path / "b" / "aside.blend", copy=True)
    assert len(ended(job).imported) == 2
    assert job.destination.file == str(tmp_path / "a" / "one.blend")


def test_a_renamed_scene_keeps_its_result_also_over_a_load(begun, tmp_path):
    job = begun()
    bpy.context.scene.name = "Renamed"
    bpy.data.scenes.new("Scene")
    save(tmp_path / "a" / "one.blend")
    load(tmp_path / "a" / "one.blend")
    ended(job)
    assert not results(bpy.data.scenes["Scene"]) and len(results(bpy.data.scenes["Renamed"])) == 2


def test_a_copied_scene_is_not_taken_for_its_original(begun, tmp_path):
    job = begun()
    original = bpy.context.scene
    copy = original.copy()
    copy.use_fake_user = True  # or it is not saved
    original.name, copy.name = "Original", "Scene"
    save(tmp_path / "a" / "one.blend")
    load(tmp_path / "a" / "one.blend")
    ended(job)
    assert not results(bpy.data.scenes["Scene"]) and len(results(bpy.data.scenes["Original"])) == 2


def test_copies_that_cannot_be_told_from_the_original_get_nothing(begun, tmp_path):
    job = begun()
    bpy.context.scene.copy().name = "Copy"
    job.destination.scene_name = "of an earlier save"
    for scene in bpy.data.scenes:
        scene[SCENE_PROPERTY] = job.destination.id
    bpy.data.libraries.write(str(tmp_path / "b" / "x.blend"), set(bpy.data.scenes))
    shutil.copy(tmp_path / "b" / "x.blend", tmp_path / "a" / "one.blend")
    load(tmp_path / "a" / "one.blend")
    assert ended(job).import_error.code == "scene_missing"
    assert "copies of it" in job.import_error.message


def test_a_job_in_a_copied_scene_gives_it_an_id_of_its_own(begun):
    begun()
    copy = bpy.context.scene.copy()
    assert copy[SCENE_PROPERTY] == bpy.context.scene[SCENE_PROPERTY]
    assert Destination(copy).id != bpy.context.scene[SCENE_PROPERTY]
    assert Destination(bpy.context.scene).id == bpy.context.scene[SCENE_PROPERTY]


def test_a_scene_that_was_deleted_is_said(begun):
    job = begun()
    bpy.data.scenes.new("Another")
    bpy.data.scenes.remove(bpy.data.scenes["Scene"])
    assert ended(job).import_error.code == "scene_missing"
    assert "is not there any more" in job.import_error.message


def test_a_file_that_was_not_saved_after_the_start_is_still_the_right_one(begun, tmp_path):
    job = begun()
    load(tmp_path / "a" / "one.blend")
    assert SCENE_PROPERTY not in bpy.context.scene
    assert len(ended(job).imported) == 2 and len(results()) == 2


def test_a_file_that_was_moved_is_still_the_right_one(begun, tmp_path):
    job = begun()
    save(tmp_path / "a" / "one.blend")
    shutil.move(tmp_path / "a" / "one.blend", tmp_path / "b" / "moved.blend")
    load(tmp_path / "b" / "moved.blend")
    assert len(ended(job).imported) == 2 and len(results()) == 2


def test_the_first_save_in_mid_job_makes_the_file_known(addon, scene, monkeypatch, tmp_path):
    job = api.generate("a chair", model="some/model", negative_prompt="success", folder=tmp_path / "job")
    save(tmp_path / "new.blend")
    load(tmp_path / "new.blend")
    assert len(ended(job).imported) == 2


def test_an_unsaved_file_that_was_closed_is_said(addon, scene, monkeypatch, tmp_path):
    job = api.generate("a chair", model="some/model", negative_prompt="success", folder=tmp_path / "job")
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.context.scene.name = job.destination.scene_name
    assert ended(job).import_error.code == "scene_missing"
    assert "never saved" in job.import_error.message


def test_an_undo_to_before_the_job_does_not_lose_the_scene(begun, tmp_path):
    bpy.ops.ed.undo_push(message="before")
    job = begun()
    bpy.ops.ed.undo_push(message="after")
    bpy.ops.ed.undo()
    bpy.context.scene.pop(SCENE_PROPERTY, None)
    save(tmp_path / "a" / "one.blend")
    load(tmp_path / "a" / "one.blend")
    assert bpy.context.scene[SCENE_PROPERTY] == job.destination.id
    assert len(ended(job).imported) == 2


def test_a_batch_of_another_file_is_refused(begun, tmp_path):
    batch = api.batch(["a chair"], model="some/model", negative_prompt="success", start=False)
    save(tmp_path / "b" / "two.blend", copy=True)
    load(tmp_path / "b" / "two.blend")
    with pytest.raises(SjcError) as caught:
        batch.start()
    assert caught.value.code == "scene_missing"
