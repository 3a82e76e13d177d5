"""The main job in a window of a real Blender, by real clicks."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.blender.real_blender import RealBlender, run, words_of

STORY = Path(__file__).with_name("main_job_by_mouse.py")


@pytest.mark.slow
def test_the_main_job_by_mouse_with_files_loaded_while_it_runs(blender: RealBlender) -> None:
    words = words_of("SJC_BLENDER_WINDOW")
    if not words:
        pytest.skip("SJC_BLENDER_WINDOW gives Blender no window; tests/addon drives the same buttons in the module")
    folder = blender.work / "window"
    folder.mkdir()
    # No user's window, and no file that was open before.
    command = [*words, "--window-geometry", "0", "0", "1280", "800", "--python", str(STORY), "--", str(folder)]
    done = run(command, folder, blender.environment(os.environ["SJC_ENGINE_PYTHON"]), 500)
    said = f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert (folder / "outcome.json").exists(), f"Blender ended with {done.returncode}\n{said}"
    outcome = json.loads((folder / "outcome.json").read_text("utf-8"))
    assert "trouble" not in outcome, f"{outcome.get('trouble')}\n{said}"
    assert done.returncode == 0 and outcome["clicks"] == 3
    assert outcome["loads"] > 0 and outcome["went on"] and outcome["first"]["state"] == "cancelled", outcome
    assert outcome["second"]["state"] == "done" and len(outcome["second"]["objects"]) == 2, outcome
    assert len(outcome["status_bars"]) == 2 and outcome["status_bars"][0] >= outcome["status_bars"][1] / 2 > 0, "stale"
