"""Every subcommand in a real Blender: with a file, without, in the factory's settings; its exit codes and its JSON.

The module that the other tests drive never goes the way of a program with a file and ``--command``: there windows exist
and the context has none.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sjc_blender.protocol.exit_codes import EXIT_FAILED, EXIT_OK, EXIT_USAGE
from tests.blender.real_blender import EXTENSION, RealBlender

SCENE = """
import bpy
bpy.ops.sjc.add_domain()
bpy.ops.sjc.add_rig()
bpy.ops.wm.save_as_mainfile(filepath="scene.blend")
"""

WAYS = {
    "with a file": ["-b", "scene.blend"],
    "without a file": [],
    "in factory settings": ["--factory-startup", "--addons", EXTENSION],
    "in factory settings with a file": ["-b", "--factory-startup", "--addons", EXTENSION, "scene.blend"],
}

COMMANDS: dict[str, list[str]] = {
    "generate": ["--prompt", "a red chair", "--out", "new_job", "--save", "out.blend"],
    "import": ["job", "--save", "out.blend"],
    "edit": ["job", "--prompt", "a blue chair", "--out", "new_job", "--save", "out.blend"],
    "batch": ["two.csv", "--save", "out.blend"],
    "rig": ["--rig", "ORBIT"],
    "export": ["job", "chair.stl"],
    "render": ["--out", "pictures", "--engine", "cycles", "--size", "8", "--samples", "1"],
}
"""What each is given so that it succeeds; `models` and `setup` need an engine's environment or the network."""

IMPORTS = {"generate", "import", "edit", "batch"}


@pytest.fixture(scope="module")
def scene(blender: RealBlender) -> Path:
    """Give a folder with a scene that has a rig and a domain, a finished job and a table."""
    folder = blender.work / "scene"
    folder.mkdir()
    made = blender.run("-b", "--python-exit-code", "1", "--python-expr", SCENE, cwd=folder)
    assert made.returncode == 0, made.stdout + made.stderr
    (folder / "two.csv").write_text("prompt,seed\na red chair,1\na blue duck,2\n")
    done = blender.run(
        *WAYS["with a file"], "--command", "sjc", "generate", "--prompt", "a red chair", "--out", "job", cwd=folder
    )
    assert done.returncode == EXIT_OK, done.stdout + done.stderr
    return folder


def outcome(done) -> dict:
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    assert lines, done.stderr
    return json.loads(lines[-1])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("command", COMMANDS)
def test_it_ends_well_and_says_so_in_json(
    blender: RealBlender, scene: Path, command: str, way: str, tmp_path: Path
) -> None:
    for name in ("new_job", "out.blend", "pictures"):
        remove(scene / name)
    done = blender.run(*WAYS[way], "--command", "sjc", command, *COMMANDS[command], "--json", cwd=scene)
    assert done.returncode == EXIT_OK, done.stdout + done.stderr
    assert outcome(done)["state"] == "done"
    assert "Traceback" not in done.stdout + done.stderr
    if command in IMPORTS:
        assert (scene / "out.blend").stat().st_size > 0


@pytest.mark.parametrize("way", WAYS)
def test_the_check_says_by_its_exit_code_whether_all_works_here(blender: RealBlender, scene: Path, way: str) -> None:
    done = blender.run(*WAYS[way], "--command", "sjc", "doctor", "--json", cwd=scene)
    told = outcome(done)
    assert done.returncode == (EXIT_OK if told["works"] else EXIT_FAILED), done.stdout + done.stderr
    assert "stand-in" in str(told["findings"])


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (["-b", "scene.blend", "--command", "sjc", "generat"], EXIT_USAGE, "bad_usage"),
        (["-b", "scene.blend", "--command", "sjc", "generate", "--seed", "three"], EXIT_USAGE, "bad_usage"),
        (["-b", "scene.blend", "--command", "sjc", "generate", "--rig", "Nobody"], EXIT_USAGE, "unknown_rig"),
        (["-b", "nothing.blend", "--command", "sjc", "rig"], EXIT_USAGE, "blend_not_opened"),
        (["-b", "two.csv.blend", "--command", "sjc", "rig"], EXIT_USAGE, "blend_not_opened"),
        (["-b", "scene.blend", "--command", "sjc", "import", "no_job", "--save", "out.blend"], EXIT_FAILED, "no_job"),
        (["-b", "scene.blend", "--command", "sjc", "models"], EXIT_FAILED, "stand_in_cannot"),
    ],
)
def test_what_is_wrong_has_its_code_and_its_json(
    blender: RealBlender, scene: Path, arguments: list[str], code: int, said: str
) -> None:
    (scene / "two.csv.blend").write_bytes(b"not a blend file at all")
    done = blender.run(*arguments, "--json", cwd=scene)
    assert done.returncode == code, done.stdout + done.stderr
    assert outcome(done)["error"]["code"] == said


def test_the_outcome_in_a_file_and_progress_in_lines(blender: RealBlender, scene: Path) -> None:
    remove(scene / "out.blend")
    command = ["-b", "scene.blend", "--command", "sjc", "batch", "two.csv", "--save", "out.blend"]
    done = blender.run(*command, "--progress", "json", "--json-file", "outcome.json", cwd=scene)
    assert done.returncode == EXIT_OK, done.stdout + done.stderr
    assert json.loads((scene / "outcome.json").read_text())["state"] == "done"
    told = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert "batch" in {line["event"] for line in told}


def test_a_few_times_in_a_row(blender: RealBlender, scene: Path) -> None:
    """It crashed ten times out of ten; now and then would be a fault too."""
    for number in range(3):
        options = ["--prompt", "a red chair", "--seed", str(number), "--out", f"again{number}", "--json"]
        done = blender.run("-b", "scene.blend", "--command", "sjc", "generate", *options, cwd=scene)
        assert done.returncode == EXIT_OK and outcome(done)["state"] == "done", done.stderr


def remove(path: Path) -> None:
    """Remove a file, or a folder of one of these tests."""
    if path.is_dir():
        for inside in sorted(path.rglob("*"), reverse=True):
            inside.rmdir() if inside.is_dir() else inside.unlink()
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
