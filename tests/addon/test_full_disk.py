"""A disk that is full: what was there stays, what did not become whole is not left, and it is said.

With a disk of two megabytes in memory, which needs root; elsewhere the same is tried by refusing the last writes
(``tests/protocol/test_atomic_write.py``).
"""

import os
import subprocess

import bpy
import pytest

from sjc_blender.addon import api
from sjc_blender.addon.results.import_mesh import import_mesh
from sjc_blender.addon.results.import_volume import import_volume
from sjc_blender.protocol.errors import SjcError

KINDS = ("objects", "meshes", "volumes", "materials", "images")


@pytest.fixture
def disk(tmp_path):
    """Mount it, and give its folder."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.name != "posix" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs a disk to fill: root on Linux")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk, leave):
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file:
        for size in (65536, 4096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass
    os.truncate(filler, max(0, filler.stat().st_size - leave))


@pytest.fixture
def folder(scene, finished_job, small_field):
    small_field["density"][...] = 50
    return finished_job(field=small_field)


def files_of(disk):
    return {
        str(path.relative_to(disk)): path.read_bytes()
        for path in disk.rglob("*")
        if path.is_file() and path.name != "filler"
    }


@pytest.mark.parametrize("leave", [0, 4096, 8192, 20000])
@pytest.mark.parametrize("kind", ["glb", "ply", "obj", "vdb", "stl", "usdc"])
def test_an_export_keeps_the_older_file_or_replaces_it_whole(scene, folder, tmp_path, disk, kind, leave):
    obj = import_volume(folder, scene) if kind == "vdb" else import_mesh(folder, scene)
    if kind != "vdb":
        modifier = obj.modifiers.new("More", "SUBSURF")
        modifier.levels = 3
    good = api.export_result(obj, tmp_path / f"chair.{kind}").read_bytes()
    target = disk / f"chair.{kind}"
    target.write_bytes(b"an older export")
    fill(disk, leave)
    try:
        api.export_result(obj, target)
    except SjcError as error:
        # Exporters in C say no reason that a program could know.
        assert error.code == "disk_full" or (error.code == "not_exported" and kind != "glb"), error
        assert files_of(disk) == {target.name: b"an older export"}
    else:
        assert target.read_bytes() == good


@pytest.mark.parametrize("leave", [0, 4096, 40000, 200000, 1000000])
def test_an_import_is_whole_or_leaves_nothing(scene, folder, disk, leave):
    bpy.ops.wm.save_as_mainfile(filepath=str(disk / "a.blend"))
    before_files = files_of(disk)
    before = {kind: len(getattr(bpy.data, kind)) for kind in KINDS}
    fill(disk, leave)
    try:
        made = api.import_result(folder.path)
    except SjcError as error:
        assert error.code == "disk_full"
        assert {kind: len(getattr(bpy.data, kind)) for kind in KINDS} == before
        assert files_of(disk) == before_files and not (disk / "sjc").exists()
    else:
        (volume,) = [obj.data for obj in made if obj.type == "VOLUME"]
        assert volume.grids.load()
        assert leave == 1000000


def test_a_mesh_that_cannot_be_read_takes_the_volume_back(scene, finished_job, small_field):
    small_field["density"][...] = 50
    job = finished_job(field=small_field)
    job.mesh.write_bytes(b"no mesh")
    before = {kind: len(getattr(bpy.data, kind)) for kind in KINDS}
    with pytest.raises(SjcError, match="broken"):
        api.import_result(job.path, outputs=("volume", "mesh"))
    assert {kind: len(getattr(bpy.data, kind)) for kind in KINDS} == before
    assert not list(job.path.rglob("*.vdb"))
