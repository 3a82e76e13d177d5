"""The folder beside a .blend is swept of what nothing uses, and of nothing else."""

import gzip
import os
import time
from pathlib import Path

import bpy
import pytest

from sjc_blender.addon import api
from sjc_blender.addon.commands.command_line import main
from sjc_blender.addon.results import unused_files
from sjc_blender.protocol.errors import SjcError


@pytest.fixture
def project(scene, finished_job, small_field, tmp_path, monkeypatch):
    """Give a function that makes a .blend with a Volume; all its files are older than a day."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(unused_files.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    home = tmp_path / "ein Projekt 100%"
    home.mkdir()
    made = 0

    def make(name, **options):
        nonlocal made
        made += 1
        field = {**small_field, "density": small_field["density"] + made}
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.ops.wm.save_as_mainfile(filepath=str(home / name))
        (obj,) = api.import_result(finished_job(field=field, name=f"job{made}"), outputs=["volume"])
        bpy.ops.wm.save_as_mainfile(filepath=str(home / name), **options)
        path = Path(bpy.path.abspath(obj.data.filepath))
        age(path)
        return path

    make.home = home
    return make


def age(path):
    old = time.time() - 2 * unused_files.YOUNG_SECONDS
    os.utime(path, (old, old))


def empty_file(home, name="empty.blend"):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(home / name))


def left_over(project):
    """Give a file that nothing uses: its .blend is gone."""
    path = project("gone.blend")
    (project.home / "gone.blend").unlink()
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_what_another_file_uses_stays_and_what_none_uses_goes(project, packed):
    kept = project("other.blend", compress=packed)
    assert (project.home / "other.blend").read_bytes().startswith(b"BLENDER") != packed
    unused = left_over(project)
    empty_file(project.home)
    assert api.unused_files().files == (unused,)
    assert unused.is_file()  # it was only asked
    deleted = api.delete_unused_files()
    assert deleted.files == (unused,) and deleted.size > 0
    assert kept.is_file() and not unused.exists()


@pytest.mark.parametrize("where", ["gone.blend1", "below/shot.blend", "../temporary/quit.blend"])
def test_backups_files_below_and_recovery_files_count(project, where):
    path = project("gone.blend")
    target = project.home / where
    target.parent.mkdir(exist_ok=True)
    (project.home / "gone.blend").rename(target)
    empty_file(project.home)
    assert api.unused_files().files == ()
    target.unlink()
    assert api.unused_files().files == (path,)


def test_an_old_gzip_counts(project):
    project("other.blend", compress=False)
    blend = project.home / "other.blend"
    blend.write_bytes(gzip.compress(blend.read_bytes()))
    empty_file(project.home)
    assert api.unused_files().files == ()


def test_what_is_open_and_not_saved_stays(project):
    path = project("open.blend")
    blend = project.home / "open.blend"
    empty_copy = project.home / "x.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(empty_copy), copy=True)
    blend.unlink()
    empty_copy.unlink()
    assert api.unused_files().files == () and path.is_file()


def test_young_strange_and_changed_files_stay(project):
    unused = left_over(project)
    empty_file(project.home)
    mine = unused.with_name("my smoke.vdb")
    lying = unused.with_name("chair-0123456789ab.vdb")
    for path in (mine, lying):
        path.write_bytes(unused.read_bytes())
        age(path)
    link = unused.with_name("link-0123456789ac.vdb")
    link.symlink_to(mine)
    assert api.unused_files().files == (unused,)
    unused.touch()
    assert api.unused_files().files == ()
    age(unused)
    unused.write_bytes(b"changed")
    age(unused)
    assert api.delete_unused_files().files == ()
    assert mine.is_file() and lying.is_file() and link.is_symlink()


@pytest.mark.parametrize(
    "content", [b"version https://git-lfs", b"\x28\xb5\x2f\xfdxx", b"\x1f\x8bxx", "cut", "cut packed"]
)
def test_a_file_whose_use_is_not_known_keeps_all(project, content):
    unused = left_over(project)
    empty_file(project.home)
    if isinstance(content, str):
        bpy.ops.wm.save_as_mainfile(filepath=str(project.home / "x.blend"), copy=True, compress="packed" in content)
        content = (project.home / "x.blend").read_bytes()[:-5000]
        (project.home / "x.blend").unlink()
    (project.home / "not here.blend").write_bytes(content)
    with pytest.raises(SjcError, match="not here") as told:
        api.delete_unused_files()
    assert told.value.code == "use_unknown" and unused.is_file()


def test_a_folder_that_is_a_link_is_not_swept(project, tmp_path):
    unused = left_over(project)
    empty_file(project.home)
    unused.parent.rename(tmp_path / "shared")
    unused.parent.symlink_to(tmp_path / "shared")
    with pytest.raises(SjcError, match="link"):
        api.delete_unused_files()
    assert unused.is_file()


def test_a_file_taken_up_again_is_young(project, finished_job, small_field):
    field = {**small_field, "density": small_field["density"] + 1}
    path = project("open.blend")
    api.import_result(finished_job(field=field, name="again"), outputs=["volume"])
    assert time.time() - path.stat().st_mtime < unused_files.YOUNG_SECONDS


def test_the_command_lists_and_deletes_only_when_told(project, tmp_path, capfd):
    unused = left_over(project)
    empty_file(project.home)
    shots = tmp_path / "shots"
    shots.mkdir()
    assert main(["clean"]) == 0
    assert f"unused: {unused}" in capfd.readouterr().out and unused.is_file()
    (shots / "a.blend").write_bytes(b"BLENDER mentions //../sjc/" + unused.name.encode() + b" ENDB")
    assert main(["clean", "--look-in", str(shots), "--delete"]) == 0 and unused.is_file()
    assert main(["clean", "--delete"]) == 0 and not unused.exists()


def test_an_unsaved_file_is_told_to_be_saved(scene):
    with pytest.raises(SjcError) as told:
        api.unused_files()
    assert told.value.code == "not_saved_yet"
