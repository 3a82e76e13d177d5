"""A .blend on a share that may only be read: jobs go into the user's folder, grids into the job's."""

import os
import subprocess
from pathlib import Path

import bpy
import pytest

from sjc_blender.addon import api, job_location
from sjc_blender.addon.jobs.first_save import bring_along
from sjc_blender.addon.results.import_volume import import_volume
from sjc_blender.protocol.errors import SjcError


@pytest.fixture
def share(scene, tmp_path, monkeypatch):
    """Open a .blend in a folder that may only be read, by a mount (root) or by its permissions; give the folder."""
    folder = tmp_path / "share"
    folder.mkdir()
    monkeypatch.setattr(job_location, "_user_folder", lambda: tmp_path / "user")
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "a.blend"))
    mounted = False
    if os.name != "posix":
        pytest.skip("permissions of POSIX")
    if os.geteuid() == 0:
        bind = subprocess.run(["mount", "--bind", str(folder), str(folder)], capture_output=True)
        again = ["mount", "-o", "remount,ro,bind", str(folder)]
        mounted = not bind.returncode and not subprocess.run(again, capture_output=True).returncode
        if not mounted:
            pytest.skip("root writes everywhere, and may not mount here")
    if not mounted:
        folder.chmod(0o555)
    bpy.ops.wm.open_mainfile(filepath=str(folder / "a.blend"))
    yield folder
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.chmod(0o755)


def test_a_job_goes_into_the_users_folder(share, tmp_path):
    assert job_location.new_job_folder("a red chair").parent == tmp_path / "user"


def test_a_batch_goes_into_the_users_folder(share, tmp_path):
    made = api.batch(["a red chair"], start=False)
    assert [entry.folder.path.is_relative_to(tmp_path / "user") for entry in made] == [True]


def test_grids_stay_in_the_jobs_folder_and_come_along_when_it_is_saved_elsewhere(
    share, tmp_path, finished_job, small_field
):
    job = finished_job(field=small_field)
    obj = import_volume(job, bpy.context.scene)
    assert Path(obj.data.filepath).parent == job.result.resolve() and obj.data.grids.load()
    place = tmp_path / "mine"
    place.mkdir()
    name = obj.name
    bpy.ops.wm.save_as_mainfile(filepath=str(place / "b.blend"))
    bring_along(str(place / "b.blend"))
    assert Path(bpy.data.objects[name].data.filepath).parent == place / "sjc"


def test_where_neither_can_be_written_the_way_out_is_said(share, finished_job, small_field, monkeypatch):
    job = finished_job(field=small_field)
    result = job.field.parent
    real = os.mkdir

    def refused(path, *arguments, **options):
        if str(path).startswith(str(result)):
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "mkdir", refused)
    with pytest.raises(SjcError) as told:
        import_volume(job, bpy.context.scene)
    assert told.value.code == "folder_not_writable" and "Save As" in told.value.hint


def test_a_check_leaves_no_folder(scene, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    assert job_location.new_job_folder("a red chair").parent == tmp_path / "sjc_jobs"
    assert not (tmp_path / "sjc_jobs").exists()
