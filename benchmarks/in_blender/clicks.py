"""How long what the user clicks, and what Blender calls of the add-on meanwhile, keeps Blender's main thread.

``SJC_ENGINE_PYTHON=... blender --factory-startup --python benchmarks/in_blender/clicks.py -- --out clicks.json``
presses the buttons in a window, the sidebar with all panels beside it. Milliseconds: median and longest, of the
processor's time and of the clock's.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy
from mathutils import Vector

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import sjc_blender
from sjc_blender.addon import api, clock, registration, window_events
from sjc_blender.addon.environment import session
from sjc_blender.addon.jobs import known_jobs
from sjc_blender.addon.process_keeper import ProcessKeeper
from sjc_blender.addon.rigs import coverage_display, rig_watch
from sjc_blender.addon.ui.shared import gradually

ROWS = 500
FRAMES = 250
spent: dict[str, list[tuple[float, float]]] = {}


def measured(label: str, call: Callable[[], Any]) -> Any:
    """Call, and keep how long that took."""
    began, worked = time.perf_counter(), time.thread_time()
    try:
        return call()
    finally:
        spent.setdefault(label, []).append((time.thread_time() - worked, time.perf_counter() - began))


def watch(owner: Any, name: str, label: str) -> None:
    """Let every call of a function be measured."""
    function = getattr(owner, name)
    setattr(owner, name, lambda *given, **named: measured(label, lambda: function(*given, **named)))


def watch_draw(panel: Any) -> None:
    """Let a panel's drawing be measured; Blender wants the function to have these two arguments."""
    function = panel.draw

    def draw(self: Any, context: bpy.types.Context) -> None:
        measured("drawing of a panel", lambda: function(self, context))

    panel.draw = draw


def pressed(label: str, press: Callable[[], Any], times: int = 5) -> Iterator[None]:
    """Press a button some times, and wait for what goes on after each."""
    for _ in range(times):
        try:
            measured(label, press)
        except RuntimeError as error:  # an operator's report
            print(label, error, file=sys.stderr)
        while gradually.running:
            work = next(iter(gradually.running.values()))
            clock.cancel(work)
            measured(f"{label}: a turn of it", work)
            yield
        for job in api.jobs()[1:]:  # they wait for the first one, and no engine is started for them
            api.cancel(job)
        yield
        api.clear()
        print(label, spent[label][-1], file=sys.stderr, flush=True)


def course(folder: Path) -> Iterator[None]:
    """What is pressed, one thing after the other."""
    known_jobs.index_path = lambda: folder / "index.json"
    area = next(a for a in bpy.context.window_manager.windows[0].screen.areas if a.type == "VIEW_3D")
    area.spaces.active.show_region_ui = True
    while session.obstacle():
        yield
    for region in area.regions:
        if region.type == "UI":
            region.active_panel_category = "SJC"
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "scene.blend"))
    scene = bpy.context.scene
    settings: Any = scene.sjc
    settings.prompt = "a red chair"
    sjc: Any = bpy.ops.sjc
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area):
        api.generate("a red chair", overrides={"optimisation": {"steps": 1_000_000}})
        waiting = api.generate("a blue duck")
    yield from pressed("Generate, orbit", sjc.generate)
    yield from pressed("Add Rig, 24 cameras", lambda: sjc.add_rig(count=24))
    yield from pressed("Generate, 24 cameras", sjc.generate)
    yield from pressed("look at a changed rig of 24 cameras", lambda: rig_watch.look(scene))
    settings.rig = "REGION"
    yield from pressed("Generate, region", sjc.generate)
    camera = scene.camera
    camera.data.lens = 25.0
    for frame in range(1, FRAMES + 1, 10):
        turn = frame / FRAMES * math.tau
        camera.location = (4 * math.sin(turn), -4 * math.cos(turn), 1.5)
        camera.rotation_mode = "QUATERNION"
        camera.rotation_quaternion = (-Vector(camera.location)).to_track_quat("-Z", "Y")
        camera.keyframe_insert("location", frame=frame)
        camera.keyframe_insert("rotation_quaternion", frame=frame)
    settings.rig, settings.path_views = "ANIMATION", FRAMES
    scene.frame_end = FRAMES
    yield from pressed(f"Check Path, {FRAMES} views", sjc.check_rig, 3)
    yield from pressed(f"Generate, path of {FRAMES} views", sjc.generate, 3)
    settings.rig = "CAMERAS"
    yield from pressed("Resume", lambda: sjc.resume(folder=str(waiting.folder.path)))
    yield from pressed("Recall Settings", lambda: sjc.recall(folder=str(waiting.folder.path)))
    settings.rig = "ORBIT"
    text = bpy.data.texts.new("list")
    text.write("prompt,seed\n" + "\n".join(f"a red chair,{seed}" for seed in range(ROWS)))
    scene.sjc_batch.text = text
    yield from pressed(f"batch, Check, {ROWS} rows", sjc.batch_check, 2)
    yield from pressed(f"batch, Run, {ROWS} rows", sjc.batch_run, 1)
    bpy.context.window_manager.sjc_show_coverage = True
    for _ in range(50):
        window_events.redraw("VIEW_3D")
        yield


def main() -> None:
    """Register the add-on with measured parts, and begin."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])
    watch(coverage_display, "_draw", "drawing of the coverage in the viewport")
    watch(ProcessKeeper, "_tick", "timer of the jobs")
    watch(rig_watch, "_tick", "timer of the rig")
    from sjc_blender.addon.ui.history import history_panel
    from sjc_blender.addon.ui.job import job_panel, main_panel
    from sjc_blender.addon.ui.rigs import rig_panel

    for module in (main_panel, rig_panel, job_panel, history_panel):
        for cls in registration.classes_of(module):
            if issubclass(cls, bpy.types.Panel):
                watch_draw(cls)
    sjc_blender.register()
    steps = course(Path(tempfile.mkdtemp(prefix="sjc-clicks-")))

    def turn() -> float | None:
        try:
            next(steps)
            return 0.02
        except StopIteration:
            table = {name: _told(*zip(*calls, strict=True)) for name, calls in spent.items()}
            arguments.out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
        except Exception:
            traceback.print_exc()
        sjc_blender.unregister()
        bpy.ops.wm.quit_blender()
        return None

    bpy.app.timers.register(turn, first_interval=2.0, persistent=True)


def _told(processor: tuple[float, ...], clock: tuple[float, ...]) -> dict[str, float]:
    told: dict[str, float] = {"calls": len(clock)}
    for name, values in (("processor", processor), ("clock", clock)):
        ordered = sorted(values)
        told[f"{name} median"] = round(1000 * ordered[len(ordered) // 2], 1)
        told[f"{name} longest"] = round(1000 * ordered[-1], 1)
    return told


main()
