"""A report of a fault holds what helps, and neither paths nor prompts unless they are wished in."""

import getpass
import os
from pathlib import Path

import bpy
import pytest

import sjc_blender
from sjc_blender.addon.environment import session
from sjc_blender.addon.environment.fault_report import without_names
from sjc_blender.addon.jobs.job import Job
from sjc_blender.addon.ui.environment import report_operator
from sjc_blender.protocol.diagnosis import Diagnosis, Finding
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.plain_files import read_tail
from sjc_blender.protocol.spec import JobSpec


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("File /opt/x/y.py, line 3", "File <path>, line 3"),
        ('File "/home/Jane Doe/my file.py", line 3', 'File "<path>", line 3'),
        ("in /home/Jane Doe/sjc_jobs/a chair/log.txt now", None),
        (r"in C:\\Users\\Jane\\log.txt: no", "in <path>: no"),
        (r"at \\\\server\\share\\x", "at <path>"),
        ("~/.cache/hf is full", "<path> is full"),
        ("step 3/10, 1.5 steps/s and/or https://pytorch.org/x", "step 3/10, 1.5 steps/s and/or https://pytorch.org/x"),
        ("torch 2.9.0+cu128, Python 3.13", "torch 2.9.0+cu128, Python 3.13"),
        ("the prompt 'A Red Walrus' is long", "the prompt '<prompt>' is long"),
    ],
)
def test_what_names_somebody_goes_and_all_else_stays(said, left):
    told = without_names(said, ["/home/Jane Doe"], ["a red walrus", ""])
    assert "Jane" not in told and "walrus" not in told.lower()
    assert left is None or told == left


def test_the_user_goes_too(monkeypatch):
    monkeypatch.setattr(getpass, "getuser", lambda: "janedoe")
    assert without_names("owned by janedoe, not by janedoes", [], []) == "owned by <user>, not by janedoes"


def test_the_report_comes_with_names_only_where_they_are_wished(scene, monkeypatch, tmp_path):
    sjc_blender.register()
    try:
        bpy.context.scene.sjc.prompt = "a violet walrus"
        found = Finding("Disk", f"{tmp_path} has 3 GB free, for a violet walrus", False, "Delete something.")
        monkeypatch.setattr(session.CHECK, "diagnosis", Diagnosis((found,)))
        copied = [report_operator.report_text(with_names=wished) for wished in (False, True)]
        assert bpy.ops.sjc.copy_report() == {"FINISHED"}
    finally:
        sjc_blender.unregister()
    for text in copied:
        assert bpy.app.version_string in text and "FAULT  Disk" in text and "3 GB free" in text
    assert str(tmp_path) in copied[1] and "walrus" in copied[1]
    assert str(tmp_path) not in copied[0] and "walrus" not in copied[0]


@pytest.mark.skipif(os.name != "posix", reason="makes links and pipes")
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_strangers_log_brings_no_other_file_into_the_report(scene, monkeypatch, tmp_path, kind):
    """A report is put under everybody's eyes."""
    secret, log = tmp_path / "id_ed25519", tmp_path / "job" / "log.txt"
    secret.write_text("PRIVATE KEY")
    log.parent.mkdir()
    log.symlink_to(secret) if kind == "link" else os.mkfifo(log)
    sjc_blender.register()
    try:
        failed = Job(JobFolder(log.parent), JobSpec("a red chair"), Path("python"))
        failed.fail(SjcError("engine_died", "The engine ended."))
        monkeypatch.setattr(report_operator.job_queue.QUEUE, "_jobs", [failed])
        report = report_operator.report_text(with_names=True)
    finally:
        monkeypatch.undo()
        sjc_blender.unregister()
    assert "PRIVATE KEY" not in report


@pytest.mark.skipif(os.name != "posix", reason="makes a file with holes")
def test_of_a_long_log_the_end_is_read(tmp_path):
    log = tmp_path / "log.txt"
    with log.open("wb") as file:
        file.truncate(1 << 40)
        file.seek(0, os.SEEK_END)
        file.write(b"the end")
    assert read_tail(tmp_path, log, 10) == bytes(3) + b"the end"
    assert read_tail(tmp_path, log, 10, since=(1 << 40) + 4) == b"end"
