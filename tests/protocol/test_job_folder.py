"""The job folder: created whole, never overwritten, readable after a crash."""

import errno
import os
from pathlib import Path

import pytest

from sjc_blender.protocol import atomic_write, events, presets
from sjc_blender.protocol.errors import InvalidSpec, SjcError
from sjc_blender.protocol.job_folder import JobFolder
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
    with folder.events_path.open("a", encoding="utf-8") as file:
        file.write('{"event": "prog')
    assert folder.read_events() == told


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
