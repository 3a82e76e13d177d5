"""The engine's Python is found, and one that cannot run the engine is refused with what to do."""

import sys

import pytest

from sjc_blender.addon.process import engine_python
from sjc_blender.addon.process.engine_python import find_engine_python
from sjc_blender.protocol.errors import SjcError


def script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def refusal(*arguments, **options) -> SjcError:
    with pytest.raises(SjcError) as caught:
        find_engine_python(*arguments, **options)
    assert caught.value.hint
    return caught.value


def test_the_caller_goes_before_the_preferences_and_those_before_the_environment(tmp_path, fake_python):
    other = script(tmp_path / "other", f'exec "{fake_python}" "$@"\n')
    third = script(tmp_path / "third", f'exec "{fake_python}" "$@"\n')
    environ = {"SJC_ENGINE_PYTHON": str(third)}
    assert find_engine_python(fake_python, str(other), environ) == fake_python
    assert find_engine_python(None, str(other), environ) == other
    assert find_engine_python(None, "", environ) == third


def test_the_folder_of_an_environment_will_do(tmp_path, fake_python):
    inside = script(tmp_path / "env" / "bin" / "python", f'exec "{fake_python}" "$@"\n')
    assert find_engine_python(tmp_path / "env", "", {}) == inside


def test_not_set():
    error = refusal(None, "", {})
    assert error.code == "engine_python_not_set"
    assert "preferences" in error.hint and "SJC_ENGINE_PYTHON" in error.hint


def test_missing(tmp_path):
    error = refusal(tmp_path / "no" / "python", "")
    assert error.code == "engine_python_missing"
    assert str(tmp_path / "no" / "python") in error.message
    assert refusal(tmp_path, "").code == "engine_python_missing"


def test_not_executable(tmp_path):
    plain = tmp_path / "python"
    plain.write_text("")
    assert refusal(plain, "").code == "engine_python_not_executable"


def test_without_torch():
    # Blender's own Python: a Python indeed, and without the engine's packages.
    error = refusal(sys.executable, "")
    assert error.code == "engine_python_incomplete"
    assert "torch" in error.message and "diffusers" in error.message and "numpy" not in error.message
    assert "requirements/engine.txt" in error.hint


def test_too_old(tmp_path):
    old = script(tmp_path / "python", """echo '{"version": [3, 9], "missing": []}'\n""")
    error = refusal(old, "")
    assert error.code == "engine_python_too_old"
    assert "Python 3.9" in error.message and "3.11" in error.message


@pytest.mark.parametrize(
    "text, why",
    [
        ("echo hello\n", "does not answer like a Python"),
        ("echo '[]'\n", "does not answer like a Python"),
        ("echo broken library >&2; exit 127\n", "broken library"),
        ("sleep 30\n", "no answer within 0.2 seconds"),
    ],
)
def test_what_is_no_working_python(tmp_path, monkeypatch, text, why):
    monkeypatch.setattr(engine_python, "PROBE_SECONDS", 0.2 if "sleep" in text else 20.0)
    error = refusal(script(tmp_path / "python", text), "")
    assert error.code == "engine_python_fails"
    assert why in error.message


def test_a_mended_environment_is_seen_at_once(tmp_path, fake_python):
    path = script(tmp_path / "python", "exit 1\n")
    assert refusal(path, "").code == "engine_python_fails"
    script(path, f'exec "{fake_python}" "$@"\n')
    assert find_engine_python(path, "") == path
