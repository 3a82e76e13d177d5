"""The job folder: created whole, never overwritten, readable after a crash."""

import errno
import json
import os
import socket
from pathlib import Path

import pytest

from sjc_blender.protocol import atomic_write, events, presets
from sjc_blender.protocol.errors import InvalidSpec, SjcError
from sjc_blender.protocol.job_folder import JobFolder, volume_stem
from sjc_blender.protocol.spec import JobSpec


@pytest.fixture
def spec():
    return presets.new_job("ein grüner Stuhl, 椅子", model="some/model")


def test_the_spec_comes_back(tmp_path, spec):
    folder = JobFolder.create(tmp_path / "a b" / "größe", spec)
    assert JobFolder(folder.path).read_spec() == spec


def test_a_bad_spec_writes_nothing(tmp_path):
    with pytest.raises(InvalidSpec):
        JobFolder.create(tmp_path / "job", JobSpec(prompt=""))
    assert not (tmp_path / "job").exists()


def test_another_jobs_folder_is_left_alone(tmp_path, spec):
    JobFolder.create(tmp_path, spec)
    other = presets.new_job("another", model="some/model")
    with pytest.raises(SjcError, match="holds another job"):
        JobFolder.create(tmp_path, other)
    assert JobFolder(tmp_path).read_spec() == spec
    JobFolder.create(tmp_path, spec)


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path, spec):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SjcError) as error:
        JobFolder.create(tmp_path / "file" / "job", spec)
    assert error.value.code == "folder_not_writable"
    assert str(tmp_path / "file") in error.value.message


def test_missing_and_broken_job_files_are_told_apart(tmp_path):
    with pytest.raises(SjcError) as error:
        JobFolder(tmp_path).read_spec()
    assert error.value.code == "no_job"
    (tmp_path / "job.json").write_text("{")
    with pytest.raises(SjcError) as error:
        JobFolder(tmp_path).read_spec()
    assert error.value.code == "bad_job_file"


def test_events_are_kept_and_a_torn_last_line_is_passed_over(tmp_path, spec):
    folder = JobFolder.create(tmp_path, spec)
    told = [events.Phase("optimising"), events.Progress(1, 2), events.Warned("ü")]
    for event in told:
        folder.append_event(event)
    with folder.append(folder.events_path) as file:
        file.write(b'{"event": "prog')
    lines = folder.read(folder.events_path, 10_000).split(b"\n")
    assert [events.from_bytes(line) for line in lines] == [*told, None]


@pytest.mark.parametrize("text", ["a\u2028b\u2029c\x85d\x0be", "half a character: \ud800", "\x1b[2J"])
def test_an_event_is_one_line_whatever_it_says(tmp_path, spec, text):
    folder = JobFolder.create(tmp_path, spec)
    folder.append_event(events.Warned(text))
    folder.append_event(events.Phase("optimising"))
    text = folder.events_path.read_text(encoding="utf-8")
    assert len(text.splitlines()) == 2
    assert events.from_line(text.splitlines()[1]) == events.Phase("optimising")


def test_a_full_disk_keeps_the_old_file_and_says_so(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(SjcError) as error:
        atomic_write.write_text(path, "new")
    assert error.value.code == "disk_full"
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_paths_are_told_with_forward_slashes(tmp_path):
    folder = JobFolder(tmp_path)
    assert folder.relative(Path(tmp_path, "previews", "000001.png")) == "previews/000001.png"


def test_empty_folders_that_an_archive_left_out_are_made_again(tmp_path, spec):
    folder = JobFolder.create(tmp_path, spec)
    folder.previews.rmdir()
    folder.result.rmdir()
    folder.make_folders()
    assert folder.previews.is_dir() and folder.result.is_dir()


def lay_everything(folder):
    """Put into a job's folder every file that a job, its edit and its import can put there, and what was unfinished."""
    top = (folder.events_path, folder.log_path, folder.lock_path, folder.lease_path, folder.settings_path)
    files = [*top, folder.checkpoint, *folder.inputs, folder.live_field, *folder.results.values()]
    files += [folder.preview(1), folder.preview(1_000_000), folder.result / "orbit.mp4"]
    stem = volume_stem(folder.read_spec())
    files += [folder.result / f"{stem}.vdb", folder.result / f"{stem}-2.vdb"]
    files += [folder.path / ".checkpoint-0123456789ab.safetensors", folder.result / ".field-0123456789ab.npz"]
    files += [folder.previews / ".000050-0123456789ab.png", folder.path / ".job-0123456789ab.json"]
    files += [folder.path / ".tmpAb3dE9"]  # of the library that writes checkpoints
    for path in files:
        path.write_bytes(b"x")
    # As a killed engine of this computer leaves it.
    told = {"host": socket.gethostname(), "system": "", "process": 1, "started": 1.0, "token": "t"}
    folder.lease_path.write_text(json.dumps(told))
    return [*files, folder.spec_path]


def test_its_own_files_are_known(tmp_path, spec):
    folder = JobFolder.create(tmp_path, spec)
    files = lay_everything(folder)
    assert sorted(folder.own_files()) == sorted(files)
    assert folder.own_files()[-1] == folder.spec_path


def test_a_deleted_job_leaves_nothing_of_its_own(tmp_path, spec):
    folder = JobFolder.create(tmp_path / "job", spec)
    lay_everything(folder)
    assert folder.delete() == []
    assert not folder.path.exists()


def test_a_job_in_the_users_project_is_deleted_and_the_users_files_stay(tmp_path, spec):
    users = [
        "result/final_render_v12.exr",
        "previews/client.mov",
        "previews/sub/a.blend",
        "scene.blend",
        "sub/job.json",
    ]
    users += ["result/.notes-1.txt", "result/chair.vdb", "previews/shot.png"]
    for name in users:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("three weeks of work")
    folder = JobFolder.create(tmp_path, spec)
    lay_everything(folder)
    left = folder.delete()
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()) == sorted(users)
    assert {"previews/sub", "result/final_render_v12.exr", "scene.blend"} <= set(left)


def test_temporary_files_of_killed_engines_are_swept_and_nothing_else(tmp_path, spec):
    folder = JobFolder.create(tmp_path, spec)
    files = lay_everything(folder)
    users = (
        tmp_path / ".mine-0123456789ab.txt",
        tmp_path / ".tmp",
        tmp_path / ".tmpfile.txt",
        folder.result / ".tmpAb3dE9",
    )
    for path in users:
        path.write_text("mine")
    folder.sweep()
    gone = [path for path in files if not path.exists()]
    assert sorted(path.name for path in gone) == sorted(path.name for path in files if path.name.startswith("."))
    assert all(path.exists() for path in users)


@pytest.mark.parametrize(
    ("outputs", "files", "done"),
    [
        (["volume", "mesh"], ["field", "mesh", "metrics"], True),
        (["volume", "mesh"], ["field", "mesh"], False),
        (["volume", "mesh"], ["field", "metrics"], False),
        (["volume"], ["field", "metrics"], True),
        (["mesh"], ["mesh", "metrics"], True),
        (["mesh"], ["field", "metrics"], False),
    ],
)
def test_done_has_one_meaning(tmp_path, spec, outputs, files, done):
    folder = JobFolder.create(tmp_path, spec)
    for name in files:
        folder.results[name].write_bytes(b"x")
    assert folder.is_done(outputs) is done
    folder.begin_results()
    assert not folder.is_done(outputs), "while they are written anew"
