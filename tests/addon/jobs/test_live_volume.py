"""The live volume is a guest in the file: seen while its job runs, and never left behind."""

import os
import tempfile
from pathlib import Path

import bpy
import numpy as np
import pytest

from sjc_blender.addon import registration
from sjc_blender.addon.jobs import job_import, job_queue, lifecycle, live_files, live_volume
from sjc_blender.addon.jobs.destination import Destination
from sjc_blender.addon.jobs.job import Job, JobState
from sjc_blender.protocol import events
from sjc_blender.protocol.file_lock import FileLock
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.spec import DomainSpec, JobSpec
from tests.addon.jobs.processes import until

MOVED = ((2.0, 0.0, 0.0, 1.0), (0.0, 2.0, 0.0, 2.0), (0.0, 0.0, 2.0, 3.0), (0.0, 0.0, 0.0, 1.0))


@pytest.fixture
def job(scene, tmp_path, monkeypatch, small_field):
    """Give a running job that has told of a live field, in a Blender that hears of saves and undo."""
    spec = JobSpec("a red chair", domain=DomainSpec(matrix_world=MOVED))
    folder = JobFolder.create(tmp_path / "jöb 1", spec)
    made = Job(folder, spec, Path("python"), destination=Destination(bpy.context.scene), state=JobState.RUNNING)
    job_queue.QUEUE._jobs.append(made)
    registration.register(lifecycle)
    tell(made, small_field, 1)
    yield made
    job_queue.QUEUE._jobs.clear()
    registration.unregister(lifecycle)


def show(job):
    """Show the newest live field of a job, and wait for it."""
    grids = live_volume._Grids(job, job.live_field)
    grids.run()
    live_volume.put(job, grids.path, grids.display_density)


def tell(job, field, step):
    np.savez(job.folder.live_field, **field)
    job.apply(events.LiveField("previews/live.npz", step))
    show(job)


def guests():
    return [obj for obj in bpy.data.objects if obj.type == "VOLUME"]


def grid_files():
    return sorted(live_files.folder().glob("*.vdb"))


def test_it_stands_at_the_domains_place_and_is_in_nobodys_way(job, scene):
    (obj,) = guests()
    assert obj.name in scene.objects
    assert tuple(obj.matrix_world.translation) == (1, 2, 3)
    assert obj.hide_select and obj.hide_render
    assert obj.data.grids.load(), obj.data.grids.error_message
    assert set(obj.data.grids.keys()) == {"color", "density"}


def test_an_update_changes_it_in_place(job, small_field):
    (obj,) = guests()
    name, path = obj.name, obj.data.filepath
    tell(job, small_field | {"density": small_field["density"][::-1].copy()}, 2)
    (obj,) = guests()
    assert (obj.name, obj.data.filepath == path) == (name, False)
    assert obj.data.grids.load()
    assert grid_files() == [Path(path), Path(obj.data.filepath)], "Blender may have the old grids mapped yet"
    tell(job, small_field, 3)
    (obj,) = guests()
    assert len(grid_files()) == 2 and Path(path) not in grid_files(), "older ones are gone from the disk"
    assert len(bpy.data.volumes) == len(bpy.data.materials) == 1


@pytest.mark.parametrize("fault", [b"", b"PK\x03\x04 cut off"])
def test_a_field_that_cannot_be_read_leaves_the_one_before(job, fault):
    path = guests()[0].data.filepath
    job.folder.live_field.write_bytes(fault)
    show(job)
    assert guests()[0].data.filepath == path
    job.folder.live_field.unlink()
    show(job)
    assert guests()[0].data.filepath == path


def test_a_scene_that_is_not_there_gets_none(job, small_field):
    live_volume.remove()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    tell(job, small_field, 2)
    assert not guests()


def test_it_goes_with_everything_it_brought(job):
    live_volume.remove()
    assert not (guests() or bpy.data.volumes or bpy.data.materials)
    folder = live_files.folder()
    live_volume.end()
    assert not folder.exists()


def test_many_swaps_leave_two_files_and_keep_the_object(job, small_field):
    (obj,) = guests()
    name = obj.name
    for step in range(2, 60):
        tell(job, small_field, step)
        assert guests()[0].data.grids.load()
    assert [obj.name for obj in guests()] == [name] and len(grid_files()) == 2


def test_what_a_crashed_blender_left_is_swept_and_nothing_else(tmp_path, monkeypatch):
    live_volume.end()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    crashed, running, theirs, foreign = (tmp_path / f"sjc-live-{name}" for name in ("a", "b", "c", "d"))
    for path in (crashed, running, theirs, foreign):
        path.mkdir()
        (path / "live-3.vdb").write_bytes(b"grids")
    for path in (crashed, running, theirs):
        (path / "in_use").touch()
    (theirs / "picture.png").write_bytes(b"somebody's")
    held = FileLock.acquire(running / "in_use")
    if os.name == "posix":
        (tmp_path / "sjc-live-e").symlink_to(foreign)
    live_files.folder()
    held.release()
    assert not crashed.exists()
    assert (running / "live-3.vdb").is_file() and (foreign / "live-3.vdb").is_file()
    assert [path.name for path in theirs.iterdir()] == ["picture.png"]
    live_volume.end()


def test_without_a_window_there_is_none(job):
    assert bpy.app.background
    live_volume.update()
    live_volume._shown = ("another", 1)
    live_volume.update()
    assert not guests()


def test_in_a_window_the_scene_follows_the_job(job, small_field, monkeypatch):
    live_volume.remove()
    monkeypatch.setattr(live_volume, "_in_window", lambda: True)
    monkeypatch.setattr(live_volume, "enabled", True)
    monkeypatch.setattr(job_import, "busy", lambda: False)

    def followed(step):
        np.savez(job.folder.live_field, **small_field)
        job.apply(events.LiveField("previews/live.npz", step))
        until(lambda: live_volume.update() or live_volume._shown == (job.id, step))
        (obj,) = guests()
        return obj.data.filepath

    assert followed(2) != followed(3)
    monkeypatch.setattr(live_volume, "enabled", False)
    live_volume.update()
    assert not guests(), "switched off"
    monkeypatch.setattr(live_volume, "enabled", True)
    until(lambda: live_volume.update() or guests())
    monkeypatch.setattr(job_import, "busy", lambda: True)
    job.state = JobState.DONE
    live_volume.update()
    assert guests(), "nothing is touched now"
    monkeypatch.setattr(job_import, "busy", lambda: False)
    live_volume.update()
    assert not guests()


def test_it_is_not_saved(job, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a scene ü.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a scene ü.blend"))
    assert not (guests() or bpy.data.volumes)
    assert not (tmp_path / "sjc").exists()


def test_undo_neither_breaks_nor_brings_it_back(job, scene, small_field):
    # As a user works meanwhile: every step of his holds the guest, or does not.
    bpy.ops.ed.undo_push(message="before")
    scene.collection.objects.link(bpy.data.objects.new("First", None))
    bpy.ops.ed.undo_push(message="first")
    tell(job, small_field, 2)
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("Second", None))
    bpy.ops.ed.undo_push(message="second")
    job.state = JobState.DONE
    live_volume.remove()
    for step in (bpy.ops.ed.undo, bpy.ops.ed.undo, bpy.ops.ed.redo, bpy.ops.ed.redo):
        step()
        assert not guests()
        assert all(obj is not None for obj in bpy.context.scene.collection.objects)
    assert {obj.name for obj in bpy.context.scene.objects} == {"First", "Second"}


def test_undo_while_it_is_shown_leaves_a_whole_scene(job, scene, small_field):
    bpy.ops.ed.undo_push(message="before")
    scene.collection.objects.link(bpy.data.objects.new("First", None))
    bpy.ops.ed.undo_push(message="first")
    tell(job, small_field, 2)
    bpy.ops.ed.undo()
    assert not guests()
    tell(job, small_field, 3)
    assert len(guests()) == 1
    assert [obj.name for obj in bpy.context.scene.collection.objects] == [live_volume.NAME]
    bpy.ops.ed.redo()
    tell(job, small_field, 4)
    assert len(guests()) == 1


def test_a_paused_jobs_volume_is_back_after_an_undo(job, scene, monkeypatch):
    monkeypatch.setattr(live_volume, "_in_window", lambda: True)
    monkeypatch.setattr(live_volume, "enabled", True)
    bpy.ops.ed.undo_push(message="before")
    scene.collection.objects.link(bpy.data.objects.new("First", None))
    bpy.ops.ed.undo_push(message="first")
    job.state = JobState.PAUSED
    bpy.ops.ed.undo()
    assert not guests()
    until(lambda: live_volume.update() or guests())
    (obj,) = guests()
    assert obj.data.grids.load(), obj.data.grids.error_message


def test_it_forms_where_the_result_of_its_row_will_stand(job, small_field):
    live_volume.remove()
    job.way = (5.0, 10.0)
    tell(job, small_field, 2)
    (obj,) = guests()
    assert tuple(obj.matrix_world.translation) == (6, 12, 3)


def test_solid_shading_shows_a_body_and_leaves_haze_haze(job, small_field):
    body = {**small_field, "density": np.where(small_field["density"] > 4, np.float32(300), np.float32(0))}
    tell(job, body, 2)
    assert guests()[0].data.display.density == pytest.approx(60)
    tell(job, {**small_field, "density": np.full((4, 3, 2), 2, np.float32)}, 3)
    assert guests()[0].data.display.density == pytest.approx(180)
