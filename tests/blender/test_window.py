"""The main job in a window of a real Blender, by real clicks."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.blender.hostile_jobs import GOOD, HARMLESS, MODEL, NAMED, fingerprint, lay_download
from tests.blender.real_blender import STAND_IN, RealBlender, run, words_of


def told_in_a_window(blender: RealBlender, story: str, folder: Path, engine: str, seconds: float) -> tuple[Any, str]:
    """Let a script beside this file drive Blender in a window; return its outcome, and what Blender has printed."""
    words = words_of("SJC_BLENDER_WINDOW")
    if not words:
        pytest.skip("SJC_BLENDER_WINDOW gives Blender no window; tests/addon drives the same buttons in the module")
    # No user's window, and no file that was open before.
    script = str(Path(__file__).with_name(story))
    command = [*words, "--window-geometry", "0", "0", "1280", "800", "--python", script, "--", str(folder)]
    done = run(command, folder, blender.environment(engine), seconds)
    said = f"{done.stdout[-5000:]}\n{done.stderr[-5000:]}"
    assert (folder / "outcome.json").exists(), f"Blender ended with {done.returncode}\n{said}"
    outcome = json.loads((folder / "outcome.json").read_text("utf-8"))
    assert "trouble" not in outcome, f"{outcome.get('trouble')}\n{said}"
    assert done.returncode == 0, said
    return outcome, done.stdout + done.stderr


def test_the_main_job_by_mouse_with_files_loaded_while_it_runs(blender: RealBlender) -> None:
    folder = blender.work / "window"
    folder.mkdir()
    outcome, _said = told_in_a_window(blender, "main_job_by_mouse.py", folder, os.environ["SJC_ENGINE_PYTHON"], 500)
    assert outcome["clicks"] == 3
    assert outcome["loads"] > 0 and outcome["went on"] and outcome["first"]["state"] == "cancelled", outcome
    assert outcome["second"]["state"] == "done" and len(outcome["second"]["objects"]) == 2, outcome
    assert outcome["in local view"][1], "the mesh is seen in a viewport that is in local view"
    assert len(outcome["status_bars"]) == 2 and outcome["status_bars"][0] >= outcome["status_bars"][1] / 2 > 0, "stale"


def test_a_strangers_file_with_hostile_jobs_beside_it_is_safe_to_open_and_to_look_at(
    blender: RealBlender, package: Path
) -> None:
    # A user of its own, who has no jobs of other tests.
    blender = RealBlender(blender.words, f"{blender.work.name}-stranger")
    blender.install(package)
    folder = blender.work / "stranger"
    lay_download(folder)
    before = fingerprint(folder / "home")
    outcome, said = told_in_a_window(blender, "stranger_by_mouse.py", folder, STAND_IN, 500)
    assert fingerprint(folder / "home") == before
    assert "Traceback" not in said, said
    good = {prompt.replace(" ", "-") for prompt in GOOD}
    assert set(outcome["listed"]) == good | set(NAMED) | set(HARMLESS) and outcome["offered"] == []
    drawn = outcome["drawn"]
    for name, words in NAMED.items():
        assert words in drawn[name], drawn
    assert {name for name, trouble in drawn.items() if not trouble} == good | set(HARMLESS)
    assert len(outcome["questions"]) == 2
    for question in outcome["questions"]:
        assert MODEL in question and "a red chair" in question and str(folder / "download") in question, question
    assert outcome["after no"] == {"jobs": 0, "known": []}
    assert [Path(path).name for path in outcome["after yes"]] == ["a-red-chair"]
