"""What several processes, and files that move, have in common: grids, saved files, jobs' folders."""

import argparse
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import bpy
import numpy as np
import pytest

from sjc_blender.addon import api, job_location
from sjc_blender.addon.commands.progress import Progress
from sjc_blender.addon.commands.saved_file import only_one_writes
from sjc_blender.addon.results.import_volume import import_volume
from sjc_blender.addon.results.origin import job_folder_of
from sjc_blender.protocol import presets
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder
from tests.addon.jobs.conftest import MODEL
from tests.addon.jobs.fake_python import write_result


@pytest.fixture(autouse=True)
def no_memory(monkeypatch):
    """As in a new session, on a computer that knows of no jobs."""
    monkeypatch.setattr(job_location, "_in_this_session", {})
    monkeypatch.setattr(job_location, "INDEXES", [])


@pytest.fixture
def finished(tmp_path):
    """Give a function that makes a finished job of a density, in a project's folder."""

    def make(project="project", name="job", level=20.0, **fields) -> JobFolder:
        spec = presets.new_job("a chair", model=MODEL, **fields)
        folder = JobFolder.create(tmp_path / project / "sjc_jobs" / name, spec)
        shutil.rmtree(folder.result)
        write_result(folder.result)
        arrays = dict(np.load(folder.field))
        arrays["density"] *= level / 20.0
        np.savez(folder.field, **arrays)
        return folder

    return make


def saved(path: Path) -> Path:
    bpy.ops.wm.save_as_mainfile(filepath=str(path), check_existing=False)
    return path


# ---- Grids ---------------------------------------------------------------------------------------------------------


def test_different_grids_never_have_one_file_and_the_same_have_one(scene, finished, tmp_path):
    one, other = finished(name="one"), finished(name="other", level=10.0)
    saved(tmp_path / "project" / "scene.blend")
    first, second, third = (import_volume(folder, scene).data.filepath for folder in (one, other, one))
    assert first.startswith("//sjc/a-chair-seed0-") and first == third != second
    assert len(list((tmp_path / "project" / "sjc").iterdir())) == 2


# ---- Files that move -----------------------------------------------------------------------------------------------


def test_a_result_names_its_folder_as_seen_from_the_file_and_never_by_a_whole_path(addon, scene, finished, tmp_path):
    folder = finished()
    obj = api.import_result(str(folder.path), outputs=["mesh"])[0]
    assert "sjc_folder" not in obj  # not saved yet
    (tmp_path / "project" / "shots").mkdir()
    saved(tmp_path / "project" / "shots" / "scene.blend")
    assert obj["sjc_folder"] == "//../sjc_jobs/job"
    saved(tmp_path / "project" / "scene.blend")
    assert obj["sjc_folder"] == "//sjc_jobs/job"
    assert all(str(tmp_path) not in str(value) for value in obj.values())


def test_a_home_path_is_not_written(addon, scene, finished, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "joe"))
    folder = finished(project="joe/scratch")
    obj = api.import_result(str(folder.path), outputs=["mesh"])[0]
    (tmp_path / "work").mkdir()
    saved(tmp_path / "work" / "scene.blend")
    assert "sjc_folder" not in obj
    assert job_folder_of(obj).path == folder.path  # this session knows it


def test_a_moved_project_finds_its_jobs(addon, scene, finished, tmp_path):
    folder = finished(name="chairs/red")
    api.import_result(str(folder.path), outputs=["mesh"])
    saved(tmp_path / "project" / "scene.blend")
    (tmp_path / "project").rename(tmp_path / "moved")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "moved" / "scene.blend"))
    (obj,) = (obj for obj in bpy.data.objects if "sjc_job" in obj)
    assert job_folder_of(obj).path == (tmp_path / "moved" / "sjc_jobs" / "chairs" / "red").resolve()
    api.remesh(obj, 0.6)


def test_a_copied_project_has_jobs_of_its_own(addon, scene, finished, tmp_path):
    folder = finished()
    api.import_result(str(folder.path), outputs=["mesh"])
    saved(tmp_path / "project" / "scene.blend")
    shutil.copytree(tmp_path / "project", tmp_path / "copy")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "copy" / "scene.blend"))
    (obj,) = (obj for obj in bpy.data.objects if "sjc_job" in obj)
    assert job_folder_of(obj).path == (tmp_path / "copy" / "sjc_jobs" / "job").resolve()


def test_a_linked_result_finds_its_job_beside_its_own_file(addon, scene, finished, tmp_path):
    folder = finished()
    obj = api.import_result(str(folder.path), outputs=["mesh"])[0]
    name, asset = obj.name, saved(tmp_path / "project" / "asset.blend")
    bpy.ops.wm.read_homefile(use_empty=True)
    (tmp_path / "elsewhere").mkdir()
    saved(tmp_path / "elsewhere" / "shot.blend")
    with bpy.data.libraries.load(str(asset), link=True) as (_, wanted):
        wanted.objects = [name]
    assert job_folder_of(wanted.objects[0]).path == folder.path.resolve()


def test_a_folder_of_the_same_name_with_another_job_is_not_taken(scene, finished, tmp_path, monkeypatch):
    obj = import_volume(finished(project="mine"), scene)
    shutil.rmtree(tmp_path / "mine")
    other = finished(project="other", seed=8)
    monkeypatch.setattr(job_location, "INDEXES", [lambda: [other.path]])
    with pytest.raises(SjcError) as caught:
        job_folder_of(obj)
    assert caught.value.code == "result_folder_missing"


# ---- One file, several processes -----------------------------------------------------------------------------------

WRITER = """
    import argparse, sys, time
    from pathlib import Path
    from sjc_blender.addon.commands.progress import Progress
    from sjc_blender.addon.commands.saved_file import only_one_writes
    path, notes = Path(sys.argv[1]), Path(sys.argv[2])
    with only_one_writes(path, Progress(argparse.Namespace(progress="text"))):
        before = path.read_text() if path.exists() else ""
        time.sleep(0.2)
        path.write_text(before + sys.argv[3])
"""


def test_who_writes_a_file_goes_on_in_what_the_last_one_has_saved(tmp_path):
    path = tmp_path / "out.blend"
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(path), str(tmp_path)]
    root = str(Path(__file__).parents[3])
    writers = [subprocess.Popen([*command, letter], cwd=root, stderr=subprocess.PIPE) for letter in "abcd"]
    told = [writer.communicate(timeout=60)[1] for writer in writers]
    assert sorted(path.read_text()) == list("abcd")
    assert any(b"is being written by another batch (process" in said for said in told)
    with only_one_writes(path, Progress(argparse.Namespace(progress="text"))):
        pass
    assert {left.name for left in tmp_path.iterdir()} == {"out.blend", ".out.blend.lock"}


BATCH = """
    import sys
    import bpy
    bpy.ops.wm.read_factory_settings(use_empty=True)
    from sjc_blender.addon.commands.command_line import main
    table, save, jobs = sys.argv[1:]
    sys.argv = ["blender"]  # as Blender's own command line, these would name the file to be opened
    sys.exit(main(["batch", table, "--save", save, "--out", jobs, "--model", "some/model"]))
"""


@pytest.mark.parametrize("same_file", [True, False])
def test_two_batches_at_once_in_one_folder_lose_nothing(tmp_path, fake_python, monkeypatch, same_file):
    monkeypatch.setenv("SJC_ENGINE_PYTHON", str(fake_python))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    root, jobs = str(Path(__file__).parents[3]), str(tmp_path / "jobs")
    rows = {"one": ["a chair", "a duck"], "two": ["a duck", "a cup"]}
    saves = {name: tmp_path / ("out.blend" if same_file else f"{name}.blend") for name in rows}
    running = []
    for name, prompts in rows.items():
        table = tmp_path / f"{name}.csv"
        table.write_text("prompt\n" + "\n".join(prompts) + "\n")
        command = [sys.executable, "-c", textwrap.dedent(BATCH), str(table), str(saves[name]), jobs]
        running.append(subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
    told = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0], told
    for name, path in saves.items():
        bpy.ops.wm.open_mainfile(filepath=str(path))
        made = {obj["sjc_prompt"] for obj in bpy.data.objects if "sjc_job" in obj}
        assert made == ({"a chair", "a duck", "a cup"} if same_file else set(rows[name]))
