"""A report of a fault holds what helps, and neither paths nor prompts unless they are wished in."""

import getpass

import bpy
import pytest

import sjc_blender
from sjc_blender.addon.environment import session
from sjc_blender.addon.environment.fault_report import without_names
from sjc_blender.addon.ui.environment import report_operator
from sjc_blender.protocol.diagnosis import Diagnosis, Finding


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
