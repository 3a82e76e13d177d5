"""The check tries whether this Blender's Cycles draws volumes, beside the engine."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sjc_blender.addon.environment import engine_check
from sjc_blender.addon.environment.engine_check import UNTRIED, VOLUME_TRIAL, EngineCheck
from sjc_blender.protocol.diagnosis import Diagnosis, Finding

KNOWN = Finding("Blender", "5.2")


def checked(blender, interpreter=None):
    check = EngineCheck()
    check.start(interpreter, (KNOWN,), blender)
    end = time.monotonic() + 60
    while check.at_work:
        assert time.monotonic() < end
        check.pump()
        time.sleep(0.01)
    return check.diagnosis


@pytest.fixture
def program(tmp_path):
    """Give a function that makes a program which ignores its arguments and says something."""

    def make(said):
        path = tmp_path / "blender"
        path.write_text(f"#!{sys.executable}\nprint('Blender 5.2.2 LTS')\nprint({said!r})\n")
        path.chmod(0o755)
        return path

    return make


def test_blender_as_it_is_here_draws_volumes():
    run = subprocess.run([sys.executable, VOLUME_TRIAL], capture_output=True, text=True, timeout=120)
    told = next(json.loads(line) for line in run.stdout.splitlines() if line.startswith("{"))
    assert told["findings"] == [{"subject": "Cycles", "text": "it draws volumes", "works": True, "fix": ""}]


def test_what_the_trial_finds_stands_in_the_diagnosis(program):
    found = {"subject": "Cycles", "text": "it was built without volumes", "works": False, "fix": "Show the mesh."}
    diagnosis = checked(program(json.dumps({"event": "diagnosis", "findings": [found]})))
    assert diagnosis == Diagnosis((KNOWN, Finding(**found)))
    assert not diagnosis.works


def test_a_trial_that_says_nothing_or_cannot_start_fails_nothing(program, tmp_path):
    assert checked(program("nothing")) == Diagnosis((KNOWN, UNTRIED))
    assert checked(tmp_path / "not there") == Diagnosis((KNOWN, UNTRIED))


def test_the_engine_is_checked_after_it(program):
    diagnosis = checked(program("nothing"), Path(sys.executable))
    assert diagnosis.findings[:2] == (KNOWN, UNTRIED)
    assert len(diagnosis.findings) > 2


def test_an_engine_that_does_not_answer_is_told_from_one_that_broke(tmp_path, monkeypatch):
    monkeypatch.setattr(engine_check, "LONGEST_SECONDS", 0.5)
    silent = tmp_path / "python"
    silent.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(600)\n")
    silent.chmod(0o755)
    found = checked(None, silent).findings[-1]
    assert not found.works and "without an answer" in found.text and "Close other programs" in found.fix
    assert "signal" not in found.text
