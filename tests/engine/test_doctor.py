"""The engine checks itself, and tells each fault with what to do."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sjc_blender.engine.commands import doctor
from sjc_blender.engine.forecast import main_memory
from sjc_blender.engine.forecast.main_memory import MainMemory
from sjc_blender.protocol import events
from sjc_blender.protocol.diagnosis import Diagnosis, Finding
from sjc_blender.protocol.errors import SjcError

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def checks(monkeypatch):
    """Let the doctor make these checks."""

    def use(**checks):
        monkeypatch.setattr(doctor, "CHECKS", tuple(checks.items()))

    return use


def test_an_engine_that_works_is_told_with_its_speed(monkeypatch):
    told = []
    found = doctor.diagnose(told.append)
    assert list(found.findings) == told
    subjects = {finding.subject: finding for finding in told}
    assert subjects["Packages"].works and "torch 2." in subjects["Packages"].text
    assert "steps/s on" in subjects["Speed"].text
    assert "built-in" in subjects["Models"].text


def test_one_fault_does_not_hide_the_others(checks):
    def fault():
        raise SjcError("unknown_model", "The model is gone.", "Put it back.")

    def break_down():
        raise ZeroDivisionError("by zero")

    checks(Models=fault, Speed=break_down, Disk=lambda: iter([Finding("Disk", "fine")]))
    found = doctor.diagnose()
    assert found.findings[0] == Finding("Models", "The model is gone.", False, "Put it back.")
    assert "ZeroDivisionError: by zero" in found.findings[1].text and found.findings[1].fix
    assert found.findings[2].works
    assert not found.works


def test_too_little_memory_is_told(monkeypatch):
    memory = MainMemory(free=70_000_000, limit=70_000_000, total=8_000_000_000)
    monkeypatch.setattr(main_memory, "main_memory", lambda: memory)
    (finding,) = doctor.check_memory()
    assert finding.text == "70 MB of 8.0 GB free"
    assert not finding.works and "Close other programs" in finding.fix


def test_without_its_packages_it_still_answers(tmp_path):
    # -S: an interpreter that has the standard library and nothing else.
    script = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); sys.argv[1:] = ['doctor', '--json']\n"
    script += "import runpy; runpy.run_module('sjc_blender.engine', run_name='__main__')"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    found = events.from_line(done.stdout)
    assert isinstance(found, Diagnosis)
    last = found.findings[-1]
    assert (last.subject, last.works) == ("Packages", False)
    assert "torch" in last.text and "Set Up Engine" in last.fix


@pytest.mark.parametrize("home", ["/nonexistent/jo", None])
def test_a_user_without_a_home_folder_is_told_of_the_temporary_ones_disk(home, monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "home_folder", lambda: home and Path(home))
    monkeypatch.setattr(doctor.tempfile, "gettempdir", lambda: str(tmp_path))
    (finding,) = doctor.check_disk()
    assert finding.text.endswith(f"free in {tmp_path}")


def test_people_read_lines_and_programs_one_line_of_json(checks, capsys, monkeypatch):
    checks(Disk=lambda: iter([Finding("Disk", "full", False, "Free some space.")]))
    monkeypatch.setattr(sys, "argv", ["engine", "doctor"])
    stdout = sys.stdout
    assert doctor.main() == 1
    monkeypatch.setattr(sys, "stdout", stdout)
    assert capsys.readouterr().out == "NO  Disk: full\n      Free some space.\n"
    assert json.loads(events.to_line(doctor.diagnose()))["findings"][0]["subject"] == "Disk"
