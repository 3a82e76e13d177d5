"""Commands of a real Blender that are stopped or killed: their codes, no engine is left, the same command goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sjc_blender.protocol.exit_codes import EXIT_CANCELLED
from tests.addon.jobs.fake_python import write_fake_python
from tests.blender.real_blender import RealBlender

ENGINE_SECONDS = 10.0
"""After which no engine may be left."""

LONG, SHORT = "two sessions", "success"
"""What the engine of these tests takes for its orders; see `tests/addon/jobs/fake_engine.py`."""


@pytest.fixture(scope="module")
def engine(blender: RealBlender) -> str:
    """Give the "Python" of an engine that takes long at first, and goes on quickly from its checkpoint."""
    folder = blender.work / "an engine"
    folder.mkdir()
    return str(write_fake_python(folder))


@pytest.fixture
def folder(blender: RealBlender, request: pytest.FixtureRequest) -> Path:
    """Give a folder of this test."""
    made = blender.work / request.node.name.replace("[", " ").strip("]")
    made.mkdir()
    (made / "two.csv").write_text(f"prompt,negative_prompt\na chair,{LONG}\na duck,{SHORT}\n")
    return made


def command_of(blender: RealBlender, command: str) -> list[str]:
    options = {
        "generate": ["generate", "--prompt", "a chair", "--negative-prompt", LONG, "--out", "job"],
        "batch": ["batch", "two.csv", "--folder", "jobs"],
    }[command]
    return [
        *blender.words,
        "-b",
        "--command",
        "sjc",
        *options,
        "--model",
        "some/model",
        "--save",
        "out.blend",
        "--json",
    ]


@pytest.mark.parametrize("command", ["generate", "batch"])
def test_ctrl_c_ends_with_its_code_and_the_same_command_goes_on(
    blender: RealBlender, engine: str, folder: Path, command: str
) -> None:
    words = command_of(blender, command)
    running = start(words, folder, blender.environment(engine))
    pid = engine_of(running, folder)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does
    out, err = running.communicate(timeout=60)
    assert running.returncode == EXIT_CANCELLED, out + err
    assert outcome(out)["state"] == "cancelled" and "Traceback" not in err
    until(lambda: not alive(pid), ENGINE_SECONDS)
    goes_on(words, folder, blender.environment(engine))


@pytest.mark.parametrize("command", ["generate", "batch"])
def test_a_killed_blender_leaves_no_engine_and_the_same_command_goes_on(
    blender: RealBlender, engine: str, folder: Path, command: str
) -> None:
    words = command_of(blender, command)
    running = start(words, folder, blender.environment(engine))
    pid = engine_of(running, folder)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate(timeout=60)
    until(lambda: not alive(pid), ENGINE_SECONDS)
    goes_on(words, folder, blender.environment(engine))


def goes_on(words: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Give the same command again: it ends well, from the checkpoint."""
    out, err = start(words, folder, environment).communicate(timeout=120)
    told = outcome(out)
    assert told["state"] == "done", out + err
    assert "engine_busy" not in out + err
    assert (folder / "out.blend").stat().st_size > 0


def start(words: list[str], folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    """Start a command in a group of its own, as a terminal does."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True,
        errors="replace", start_new_session=True,
    )  # fmt: skip


def engine_of(running: subprocess.Popen[str], folder: Path) -> int:
    """Wait until the first engine has made a step, and give its number."""
    until(lambda: running.poll() is not None or any(steps(folder)), 120)
    assert running.poll() is None, running.communicate()
    (path,) = folder.rglob("engine.pid")
    return int(path.read_text())


def steps(folder: Path) -> Iterator[bool]:
    return ('"progress"' in path.read_text() for path in folder.rglob("events.jsonl"))


def outcome(out: str) -> dict:
    return json.loads([line for line in out.splitlines() if line.startswith("{")][-1])


def alive(pid: int) -> bool:
    """Whether a process is there, and no zombie that nobody has asked for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def until(what: Callable[[], bool], seconds: float) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
