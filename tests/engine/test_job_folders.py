"""Jobs on the disks that there are: without locks, with refused renames, from archives; and parents that sleep."""

import errno
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sjc_blender.engine.commands import cli
from sjc_blender.protocol import atomic_write, events, file_lock, lease, presets
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.lease import Lease

ROOT = Path(__file__).resolve().parents[2]
posix = pytest.mark.skipif(os.name != "posix", reason="pipes, signals and permissions of POSIX")


@pytest.fixture
def folder(tiny_pipeline, tmp_path):
    spec = presets.new_job(
        "a red chair",
        model=str(tiny_pipeline("v_prediction")),
        field={"resolution": 12},
        outputs={"colour_views": 4},
        optimisation={"steps": 4, "guidance_scale": 3.0, "emptiness_weight": 0},
    )
    return JobFolder.create(tmp_path / "job", spec)


def run(folder):
    """Run a job in this process; give the exit code and what it told."""
    told = []
    return cli._work(folder, told.append, lambda: False, restart=False), told


def of(kind, told):
    return [event for event in told if isinstance(event, kind)]


def test_a_folder_without_its_empty_folders_runs(folder):
    folder.previews.rmdir()
    folder.result.rmdir()
    code, told = run(folder)
    assert code == 0, told[-1]
    assert folder.is_done(["volume", "mesh"])


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_disk_without_locks_is_worked_on_with_a_note(folder, monkeypatch, number):
    def fail(_handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(file_lock, "_try_lock", fail)
    code, told = run(folder)
    assert code == 0, told[-1]
    (note,) = [event.message for event in of(events.Warned, told) if "locks" in event.message]
    assert str(folder.path) in note
    assert not folder.busy and not folder.lease_path.exists()


def test_two_engines_on_a_disk_without_locks_do_not_share_a_job(folder, monkeypatch):
    def fail(_handle):
        raise OSError(errno.ENOSYS, "no")

    monkeypatch.setattr(file_lock, "_try_lock", fail)
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.1)
    other = Lease.acquire(folder.lease_path)
    code, told = run(folder)
    other.release()
    assert code != 0 and told[-1].code == "engine_busy"


def refuse(monkeypatch, marks, times=10**9):
    """Refuse renames onto paths in which one of `marks` is, as often as `times`."""
    left = [times]
    really = Path.replace

    def replace(self, target):
        if left[0] > 0 and any(mark in str(target) for mark in marks):
            left[0] -= 1
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return really(self, target)

    monkeypatch.setattr(Path, "replace", replace)


OF_THE_MODEL = "no trained network|not measured with it"


def warnings(told):
    """What is warned of, but for the model: a tiny network of random weights, whose settings nobody has measured."""
    return [event for event in of(events.Warned, told) if not re.search(OF_THE_MODEL, event.message)]


@pytest.mark.parametrize("mark", ["previews/", "checkpoint", "field.npz", "metrics"])
def test_one_refused_rename_is_not_noticed(folder, monkeypatch, mark):
    refuse(monkeypatch, [mark], times=1)
    code, told = run(folder)
    assert code == 0, told[-1]
    assert warnings(told) == []


def test_previews_that_cannot_be_written_end_no_job_and_are_told_once(folder, monkeypatch):
    monkeypatch.setattr(atomic_write, "PATIENCE", 0.0)
    refuse(monkeypatch, ["previews/"])
    code, told = run(folder)
    assert code == 0, told[-1]
    assert len(warnings(told)) == 1
    assert of(events.Preview, told) == of(events.LiveField, told) == []


@pytest.mark.parametrize("mark", ["checkpoint", "metrics"])
def test_a_checkpoint_or_a_result_that_cannot_be_written_does(folder, monkeypatch, mark):
    monkeypatch.setattr(atomic_write, "PATIENCE", 0.0)
    refuse(monkeypatch, [mark])
    code, told = run(folder)
    assert code != 0 and told[-1].code == "folder_not_writable" and mark in told[-1].message
    assert not folder.is_done(["volume", "mesh"])


@posix
def test_the_checkpoint_has_the_permissions_of_its_neighbours(folder):
    assert run(folder)[0] == 0
    modes = {path.name: oct(path.stat().st_mode) for path in (folder.checkpoint, folder.field, folder.events_path)}
    assert len(set(modes.values())) == 1, modes


def test_what_killed_engines_left_is_swept(folder):
    left = [folder.path / ".checkpoint-0123456789ab.safetensors", folder.result / ".field-0123456789ab.npz"]
    for path in left:
        path.write_bytes(b"half")
    assert run(folder)[0] == 0
    assert not any(path.exists() for path in left)


def test_an_engine_that_was_taken_over_stops_before_it_writes(folder, monkeypatch):
    monkeypatch.setattr(Lease, "lost", property(lambda self: True))
    code, told = run(folder)
    assert code != 0 and told[-1].code == "lease_lost"
    assert not folder.checkpoint.exists()


@posix
def test_links_in_a_folder_are_not_written_through(folder, tmp_path):
    bashrc = tmp_path / "bashrc"
    bashrc.write_text("alias ll='ls -l'")
    for path in (folder.events_path, folder.log_path):
        path.unlink(missing_ok=True)
        path.symlink_to(bashrc)
        code, told = run(folder)
        assert code != 0 and told[-1].code == "not_a_plain_file"
        path.unlink()
    assert bashrc.read_text() == "alias ll='ls -l'"


@posix
def test_a_parent_that_sleeps_with_a_full_pipe_can_still_cancel(folder):
    command = [sys.executable, "-c", PROGRAM, str(folder.path)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    end = time.monotonic() + 60
    while not folder.checkpoint.exists() and time.monotonic() < end and process.poll() is None:
        time.sleep(0.1)
    try:
        assert process.poll() is None, process.stderr.read()
        process.stdin.write(events.CANCEL.encode() + b"\n")
        process.stdin.close()  # and nothing of what it says is read
        assert process.wait(30) == 3
    finally:
        process.kill()
        process.stdout.close()
        process.stderr.close()


PROGRAM = """
import sys
from sjc_blender.engine import job
from sjc_blender.engine.commands import cli
from sjc_blender.protocol import events
optimise = job.Run.optimise
def talkative(self, cancelled):
    for _ in range(2000):
        self.report(events.Warned("x" * 200))
    self.save_checkpoint()
    import time
    while not cancelled():
        time.sleep(0.05)
    self.report(events.Cancelled(0))
    return False
job.Run.optimise = talkative
sys.exit(cli.main(["run", sys.argv[1]]))
"""
