"""A studio's week, told once for every Blender: rows to objects, objects into a shot, changes, a move, two at once.

Who runs it says how Blender is started. The stand-in engine makes the objects: each has the colour of its prompt, so
that what is seen tells whose it is.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from sjc_blender.protocol.exit_codes import EXIT_FAILED, EXIT_OK

IN_BLENDER = Path(__file__).with_name("in_blender.py")
PROMPTS = ["a red chair", "a blue duck", "a green mug", "a white house", "a purple car", "a yellow teapot"]
COUNT = len(PROMPTS)
HERO, BROKEN = 2, 4
"""Rows that change, and that fail at first."""

BATCH = ["--preset", "draft", "--out", "jobs", "--json"]


class Studio:
    """A project's folder, and a way to run Blender in it.

    Parameters
    ----------
    folder : Path
    blender : sequence of str
        Words that start Blender.
    environment : mapping
    """

    def __init__(self, folder: Path, blender: Sequence[str], environment: Mapping[str, str]) -> None:
        self.folder, self.blender, self.environment = folder, list(blender), dict(environment)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start Blender."""
        command = [*self.blender, "-b", *words]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, text=True, errors="replace", **pipes)

    def command(self, blend: str, *words: str, code: int = EXIT_OK) -> dict[str, Any]:
        """Run a subcommand that ends with this exit code; its JSON."""
        return told(self.begin(blend, "--command", "sjc", *words), code)

    def python(self, function: str, *words: str, blend: str = "", add_on: bool = False) -> Any:
        """Run a function of ``in_blender.py`` in a .blend; its answer."""
        options = [*([] if add_on else ["--factory-startup"]), *([blend] if blend else [])]
        process = self.begin(*options, "--python", str(IN_BLENDER), "--", function, *words)
        out, err = process.communicate(timeout=300)
        answers = [line for line in out.splitlines() if line.startswith("answer:")]
        assert process.returncode == 0 and answers, f"{function}\n{out[-2000:]}\n{err[-3000:]}"
        return json.loads(answers[-1].removeprefix("answer:"))


def told(process: subprocess.Popen[str], code: int) -> dict[str, Any]:
    """Wait for a subcommand; its JSON."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == code, f"{process.args}\n{out[-2000:]}\n{err[-3000:]}"
    outcome: dict[str, Any] = json.loads([line for line in out.splitlines() if line.strip()][-1])
    return outcome


def colour_of(prompt: str) -> list[float]:
    """The colour that the stand-in engine gives to a prompt."""
    return [byte / 255.0 for byte in hashlib.sha256(prompt.encode()).digest()[:3]]


def write_rows(path: Path, prompts: Sequence[str]) -> None:
    """Rows with names, rigs and domains of their own; the folder of one of them is chosen."""
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["name", "prompt", "rig", "domain", "folder"])
        for number, prompt in enumerate(prompts):
            folder = "broken" if number == BROKEN else ""
            table.writerow([f"row {number}", prompt, f"Rig {number}", f"Box {number}", folder])


def run_pipeline(studio: Studio) -> None:
    """Go through all of it."""
    prompts = list(PROMPTS)
    studio.folder.mkdir(parents=True)
    studio.python("scene", "scene.blend", str(COUNT))
    write_rows(studio.folder / "rows.csv", prompts)

    # Six rows, one of which cannot put its results down.
    obstacle = studio.folder / "jobs" / "broken" / "result"
    obstacle.parent.mkdir(parents=True)
    obstacle.write_text("in the way\n")
    made = studio.command("scene.blend", "batch", "rows.csv", *BATCH, "--save", "assets.blend", code=EXIT_FAILED)
    states = [job["state"] for job in made["jobs"]]
    assert states == ["failed" if number == BROKEN else "done" for number in range(COUNT)]
    assert made["jobs"][BROKEN]["error"]["message"]

    # Linked into a shot, and rendered where the add-on is not installed.
    studio.python("shot", "shots/shot.blend", "assets.blend", str(COUNT))
    first = seen(studio)
    assert [number for number in range(COUNT) if first[number][3] < 0.01] == [BROKEN]

    # A row changes: the shot, which nobody has saved, shows the new one under the old name.
    prompts[HERO] = "a purple mug"
    write_rows(studio.folder / "rows.csv", prompts)
    obstacle.unlink()
    made = studio.command("scene.blend", "batch", "rows.csv", *BATCH, "--save", "assets.blend")
    assert {job["state"] for job in made["jobs"]} == {"done"} and made["stale"] == []
    second = seen(studio)
    changed = [number for number in range(COUNT) if second[number] != pytest.approx(first[number], abs=0.01)]
    assert changed == [HERO, BROKEN] and second[BROKEN][3] > 0.01
    check_objects(studio, "assets.blend", prompts)
    linked = studio.python("results", blend="shots/shot.blend")
    assert len(linked) == 2 * COUNT and all(about["linked"] for about in linked.values())
    assert all(about["loaded"] for about in linked.values() if about["type"] == "VOLUME"), linked

    # Everything moves.
    moved = studio.folder.with_name("moved here")
    studio.folder.rename(moved)
    studio.folder = moved
    assert seen(studio) == [pytest.approx(colour, abs=0.01) for colour in second]
    assert studio.python("remesh", "row 1", "0.4", blend="assets.blend", add_on=True) > 100
    edit = ["edit", "row 1", "--prompt", "a pink duck", "--out", "edited", "--save", "edited.blend", "--json"]
    edited = studio.command("assets.blend", *edit)
    assert len(edited["imported"]) == 2
    pictures = ["render", "--rig", "Rig 1", "--out", "pictures", "--engine", "cycles", "--size", "16", "--samples", "1"]
    assert studio.command("edited.blend", *pictures, "--json")["state"] == "done"


def seen(studio: Studio) -> list[list[float]]:
    """Mean colours of the rows in the shot, rendered without the add-on."""
    parts: list[list[float]] = studio.python("picture", "picture.png", str(COUNT), blend="shots/shot.blend")
    return parts


def check_objects(studio: Studio, blend: str, prompts: Sequence[str]) -> None:
    """Each row has its own mesh and Volume: of its prompt, and in its prompt's colour in the file that it shows."""
    found = studio.python("results", blend=blend)
    assert len(found) == 2 * len(prompts), found
    for number, prompt in enumerate(prompts):
        for name in (f"row {number}", f"row {number} volume"):
            about = found[name]
            assert about["prompt"] == prompt, (name, about)
            assert about["colour"] == pytest.approx(colour_of(prompt), abs=0.01), (name, prompt, about)


def run_two_at_once(studio: Studio, rounds: int, begin: Callable[[Path], Studio]) -> None:
    """Two batches in one folder of jobs, with rows of the same names and one of the same prompt, saved apart."""
    for number in range(rounds):
        here = begin(studio.folder / f"round {number}")
        here.folder.mkdir(parents=True)
        here.python("scene", "scene.blend", "3")
        tables = {
            "one": ["a red chair", "a blue duck", "a green mug"],
            "two": ["a pink chair", "a blue duck", "a pink mug"],
        }
        for name, prompts in tables.items():
            (here.folder / name).mkdir()
            write_rows(here.folder / name / "rows.csv", prompts)
        running = [
            here.begin(
                "scene.blend", "--command", "sjc", "batch", f"{name}/rows.csv", *BATCH, "--save", f"{name}.blend"
            )
            for name in tables
        ]
        outcomes = [told(process, EXIT_OK) for process in running]
        assert all(job["state"] == "done" for outcome in outcomes for job in outcome["jobs"]), outcomes
        for name, prompts in tables.items():
            check_objects(here, f"{name}.blend", prompts)
        shutil.rmtree(here.folder)
