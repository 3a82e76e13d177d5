"""What the first save copies beside the .blend: grids that were written for a job's Volume, and nothing else."""

import os
from pathlib import Path

import bpy
import pytest

from sjc_blender.addon.jobs.first_save import bring_along
from sjc_blender.addon.results.import_volume import import_volume

SECRET = b"-----BEGIN PRIVATE KEY-----"


@pytest.fixture
def volume(scene, finished_job, small_field):
    return import_volume(finished_job(field=small_field), scene)


def brought(tmp_path):
    place = tmp_path / "project"
    place.mkdir()
    bring_along(str(place / "scene.blend"))
    return sorted(path.name for path in (place / "sjc").iterdir()) if (place / "sjc").exists() else []


def test_a_results_grids_come_along(volume, tmp_path):
    assert len(brought(tmp_path)) == 1


def a_secret(folder, vdb):
    path = folder / "id_ed25519"
    path.write_bytes(SECRET)
    return path


def a_secret_called_vdb(folder, vdb):
    path = folder / "key.vdb"
    path.write_bytes(SECRET)
    return path


def grids_that_are_no_jobs(folder, vdb):
    path = folder / vdb.name
    path.write_bytes(vdb.read_bytes())
    return path


def a_link_in_the_jobs_folder(folder, vdb):
    a_secret(folder, vdb)
    vdb.unlink()
    vdb.symlink_to(folder / "id_ed25519")
    return vdb


def more_than_any_grids(folder, vdb):
    """A terabyte of holes, which would be read to its end before the file is saved."""
    with vdb.open("r+b") as file:
        file.truncate(1 << 40)
    return vdb


def a_secret_in_the_jobs_folder(folder, vdb):
    vdb.write_bytes(SECRET)
    return vdb


def another_name_in_the_jobs_folder(folder, vdb):
    return vdb.rename(vdb.with_name("other.vdb"))


def a_fifo(folder, vdb):
    vdb.unlink()
    os.mkfifo(vdb)
    return vdb


@pytest.mark.skipif(os.name != "posix", reason="links and FIFOs")
@pytest.mark.parametrize(
    "kind",
    [
        a_secret,
        a_secret_called_vdb,
        grids_that_are_no_jobs,
        a_link_in_the_jobs_folder,
        a_secret_in_the_jobs_folder,
        more_than_any_grids,
        another_name_in_the_jobs_folder,
        a_fifo,
    ],
)
def test_no_other_file_does(volume, tmp_path, kind):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    stored = str(kind(theirs, Path(volume.data.filepath)))
    volume.data.filepath = stored
    assert brought(tmp_path) == []
    assert volume.data.filepath == stored
    bpy.data.volumes.remove(volume.data)  # Blender itself would wait at a FIFO when it next looks
