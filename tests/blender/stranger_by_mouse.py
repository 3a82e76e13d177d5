"""Run by a real Blender in a window: a file from somebody else is opened that has hostile jobs beside it.

``blender --python stranger_by_mouse.py -- FOLDER`` opens ``FOLDER/download/scene.blend``, looks at every entry of the
History, presses *Resume* of a good one and answers the question, first with no. It writes ``outcome.json``,
and pictures of what there was to see.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.in_blender.mouse import Spot, looked_for, open_sidebar, sidebar, xdotool
from tests.blender.story import EXTENSION, FOLDER, tell, until

GOOD = "a-red-chair"
HISTORY_TAB = "Jobs"
WAIT = 60.0

api: Any = importlib.import_module(f"{EXTENSION}.addon.api")
history_panel: Any = importlib.import_module(f"{EXTENSION}.addon.ui.history.history_panel")
known_jobs: Any = importlib.import_module(f"{EXTENSION}.addon.jobs.known_jobs")
resume_spot: Spot | None = None
outcome: dict[str, Any] = {"drawn": {}, "questions": []}


def picture(name: str) -> None:
    """Keep what is to be seen, for a person to look at."""
    subprocess.run(["import", "-window", "root", str(FOLDER / f"{name}.png")], check=False)


def save_hostile_scene() -> None:
    """Save a scene as somebody else may have made it: results whose properties are anything."""
    values = (10**9, -1.5, float("nan"), "../../../../etc", "x" * 100_000, [1, 2], [0.5] * 16, {"a": {"b": 1}})
    names = ("job", "folder", "settings", "prompt", "frame", "placed", "threshold", "smoothing", "faces", "source")
    # Some name a job, and are shown as its results.
    for number, (value, job) in enumerate((value, job) for job in ("theirs", None) for value in values):
        mesh = bpy.data.objects.new(f"theirs {number}", bpy.data.meshes.new("theirs"))
        mesh.modifiers.new("SJC Faces", "DECIMATE")
        volume = bpy.data.objects.new(f"their volume {number}", bpy.data.volumes.new("theirs"))
        volume.data.filepath = "/etc/passwd"  # type: ignore[attr-defined]
        for obj in (mesh, volume):
            bpy.context.scene.collection.objects.link(obj)
            for name in (*names, "batch", "row", "look", "painted", "seed", "model", "preset", "weight"):
                obj[f"sjc_{name}"] = value
            obj["sjc_job"] = job or value
        bpy.context.scene["sjc_scene"] = value
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "download" / "scene.blend"))
    bpy.ops.wm.read_homefile(use_empty=False)


def give_history_a_tab() -> None:
    """Open the panel, which a click would do, where all of it is seen."""
    panel = history_panel.SJC_PT_history
    bpy.utils.unregister_class(panel)
    panel.bl_options, panel.bl_category = set(), HISTORY_TAB
    bpy.utils.register_class(panel)


def note_draws() -> None:
    """Note which entries were drawn, whole."""
    draw = history_panel._draw_record

    def noting(box: Any, context: Any, record: Any) -> None:
        draw(box, context, record)
        outcome["drawn"][record.folder.path.name] = str(record.trouble or "")

    history_panel._draw_record = noting


def note_questions() -> None:
    """Note what Blender is given to ask."""
    question: Any = importlib.import_module(f"{EXTENSION}.addon.ui.shared.unknown_job_question").AsksAboutUnknownJobs
    doubt = question.doubt

    def noting(self: Any, folder: Any) -> str:
        said = str(doubt(self, folder))
        outcome["questions"].append(said)
        return said

    question.doubt = noting


def look_at_every_entry() -> Iterator[float]:
    """Choose each, and each result in the scene, and let everything be drawn."""
    session: Any = bpy.context.window_manager.sjc  # type: ignore[attr-defined]
    for index, entry in enumerate(session.history):
        session.history_index = index
        sidebar()[1].tag_redraw()
        name = Path(entry.name).name
        yield from until(lambda name=name: name in outcome["drawn"], f"{name} is drawn", WAIT)
    picture("history")


def look_at_every_result() -> Iterator[float]:
    """Make each the active object, and let the tab be drawn, with the part for results."""
    yield from open_sidebar()
    for obj in bpy.context.scene.objects:
        if obj.name.startswith("their"):
            bpy.context.view_layer.objects.active = obj
            sidebar()[1].tag_redraw()
            yield 0.1
    picture("result")


def resume_is_pressed(name: str) -> Iterator[float]:
    """Choose an entry, and press its *Resume*."""
    global resume_spot
    session: Any = bpy.context.window_manager.sjc  # type: ignore[attr-defined]
    session.history_index = next(at for at, entry in enumerate(session.history) if Path(entry.name).name == name)
    sidebar()[1].tag_redraw()
    yield 0.3
    asked = len(outcome["questions"])
    # The click that follows a closed dialog may only tell Blender where the mouse is.
    for _ in range(3):
        for step in looked_for("sjc.resume", then=resume_spot):
            if isinstance(step, tuple):
                resume_spot = step
                xdotool("click", 1)
            else:
                yield step
        end = time.monotonic() + WAIT / 6
        while len(outcome["questions"]) == asked and time.monotonic() < end:
            yield 0.05
        if len(outcome["questions"]) > asked:
            yield 1.0
            return
    raise RuntimeError("Resume does not ask")


def story() -> Iterator[float]:
    """Do it."""
    save_hostile_scene()
    give_history_a_tab()
    note_draws()
    note_questions()
    bpy.ops.wm.open_mainfile(filepath=str(FOLDER / "download" / "scene.blend"))
    yield 0.5
    yield from look_at_every_result()
    yield from open_sidebar(HISTORY_TAB)
    session: Any = bpy.context.window_manager.sjc  # type: ignore[attr-defined]
    yield from until(lambda: len(session.history) > 0, "the history is read", WAIT)
    outcome["listed"] = [Path(entry.name).name for entry in session.history]
    outcome["offered"] = [record.folder.path.name for record in known_jobs.offers()]
    yield from look_at_every_entry()
    yield from resume_is_pressed(GOOD)
    picture("question")
    xdotool("key", "Escape")
    yield 1.0
    xdotool("mousemove", 300, 600)
    yield 0.5
    outcome["after no"] = {"jobs": len(api.jobs()), "known": [str(path) for path in known_jobs.index().entries()]}
    yield from resume_is_pressed(GOOD)
    xdotool("key", "Return")
    yield from until(lambda: api.jobs(), "the job is in line", WAIT)
    outcome["after yes"] = [str(path) for path in known_jobs.index().entries()]
    api.cancel(api.jobs()[0], now=True)
    yield from until(lambda: not api.jobs()[0].live, "it has ended", WAIT)


tell(story(), outcome)
