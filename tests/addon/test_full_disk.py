"""A disk that is full: what was there stays, what did not become whole is not left, and it is said."""

import os

import bpy
import pytest

from sjc_blender.addon import api
from sjc_blender.addon.commands.result_options import save_scene
from sjc_blender.addon.results.import_mesh import import_mesh
from sjc_blender.addon.results.import_volume import import_volume
from sjc_blender.protocol.errors import SjcError
from tests.small_disk import files_of, fill, small_disk

KINDS = ("objects", "meshes", "volumes", "materials", "images")


ENOUGH = 12_000_000
"""Bytes for an empty scene twice."""


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", "16m") as folder:
        yield folder


@pytest.fixture
def folder(scene, finished_job, small_field):
    small_field["density"][...] = 50
    return finished_job(field=small_field)


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


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "compressed"])
@pytest.mark.parametrize("leave", [0, 4096, 65536, 100000, ENOUGH])
def test_saving_keeps_the_older_file_or_replaces_it_whole(scene, disk, leave, compressed):
    """Blender itself says that a compressed file is saved where the disk has cut it off."""
    bpy.context.preferences.filepaths.use_file_compression = compressed
    bpy.data.texts.new("incompressible").from_string(os.urandom(40000).hex())
    target = disk / "scene.blend"
    target.write_bytes(b"an older file")
    fill(disk, leave)
    try:
        save_scene(target)
    except SjcError as error:
        assert error.code == "disk_full"
        assert files_of(disk) == {target.name: b"an older file"}
        assert leave < ENOUGH
    else:
        assert bpy.data.filepath == str(target)
        bpy.ops.wm.open_mainfile(filepath=str(target))
        assert "incompressible" in bpy.data.texts
        assert set(files_of(disk)) <= {"scene.blend", "scene.blend1"}
    finally:
        bpy.ops.wm.read_factory_settings(use_empty=True)


def test_saving_again_replaces_the_file_and_keeps_what_blender_kept(scene, tmp_path):
    target = tmp_path / "scene.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(target))
    bpy.data.texts.new("new")
    save_scene(target)
    assert [path.name for path in tmp_path.glob("*.blend*")] == ["scene.blend"]
    bpy.ops.wm.open_mainfile(filepath=str(target))
    assert "new" in bpy.data.texts


def test_a_mesh_that_cannot_be_read_takes_the_volume_back(scene, finished_job, small_field):
    small_field["density"][...] = 50
    job = finished_job(field=small_field)
    job.mesh.write_bytes(b"no mesh")
    before = {kind: len(getattr(bpy.data, kind)) for kind in KINDS}
    with pytest.raises(SjcError, match="broken"):
        api.import_result(job.path, outputs=("volume", "mesh"))
    assert {kind: len(getattr(bpy.data, kind)) for kind in KINDS} == before
    assert not list(job.path.rglob("*.vdb"))
