"""How long the add-on keeps Blender's main thread, and how soon a dead engine is told.

``blender --python benchmarks/in_blender/ui_ticks.py -- --out ticks.json`` runs one draft job of the built-in prior in a
window, with the live volume, then kills the engine of a second one. It writes, in milliseconds, the longest call
of everything of the add-on that Blender calls while a job runs (the import of the result apart), and the longest
time in which Blender's event loop did not come round.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import sjc_blender
from sjc_blender.addon import api
from sjc_blender.addon.jobs import job_import, job_queue, live_volume, pump
from sjc_blender.addon.jobs.job import Job, JobState
from sjc_blender.addon.ui.job import job_panel, status_bar

HEARTBEAT = 0.01
calls: dict[str, list[float]] = {}
processor: dict[str, list[float]] = {}
"""The same calls, without the time that other programs had the processor."""

turns: list[float] = []


def timed(module: Any, name: str) -> None:
    """Let every call of a function be timed."""
    function, label = getattr(module, name), f"{module.__name__.rsplit('.', 1)[-1]}.{name}"

    def call(*arguments: Any, **options: Any) -> Any:
        began, worked = time.perf_counter(), time.thread_time()
        try:
            return function(*arguments, **options)
        finally:
            processor.setdefault(label, []).append(time.thread_time() - worked)
            calls.setdefault(label, []).append(time.perf_counter() - began)

    setattr(module, name, call)


def parsed() -> argparse.Namespace:
    """Read what stands after Blender's own ``--``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1000)
    return parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])


def shown_sidebar() -> Iterator[None]:
    """Open the sidebar at the add-on's tab, so that panels are drawn."""
    areas = [area for area in bpy.context.window_manager.windows[0].screen.areas if area.type == "VIEW_3D"]
    for area in areas:
        area.spaces.active.show_region_ui = True
    for _ in range(100):  # tabs can be chosen when they have been drawn
        yield
    for area in areas:
        for region in area.regions:
            if region.type == "UI":
                region.active_panel_category = "SJC"


def started(prompt: str, folder: Path, steps: int) -> Job:
    """Begin a draft job."""
    return api.generate(prompt, preset="draft", overrides={"optimisation": {"steps": steps}}, folder=folder)


def course(arguments: argparse.Namespace, folder: Path) -> Iterator[None]:
    """What happens, a piece at a time; between two of them Blender's event loop comes round."""
    yield from shown_sidebar()
    turns.clear()
    began = time.perf_counter()
    job = started("a red chair", folder / "first", arguments.steps)
    while job.live:
        yield
    seconds = time.perf_counter() - began
    while job.awaits_import:
        yield
    measured: dict[str, Any] = {
        "blender": bpy.app.version_string,
        "steps": arguments.steps,
        "seconds": seconds,
        "state": str(job.state),
        "live_volumes": len(calls.get("live_volume.put", [])),
        "longest_ms": {name: 1000 * max(durations) for name, durations in calls.items()},
        "longest_processor_ms": {name: 1000 * max(durations) for name, durations in processor.items()},
        "median_ms": {name: 1000 * sorted(durations)[len(durations) // 2] for name, durations in calls.items()},
        "calls": {name: len(durations) for name, durations in calls.items()},
        "longest_turn_of_the_event_loop_ms": 1000 * max(turns),
    }
    victim = started("a yellow duck", folder / "second", 100_000)
    while victim.progress is None:
        yield
    process = job_queue.QUEUE._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    killed, turned = time.perf_counter(), len(turns)
    while victim.state is not JobState.FAILED:
        yield
    measured["killed_engine_is_told_after_ms"] = 1000 * (time.perf_counter() - killed)
    while len(turns) < turned + 100:
        yield
    measured["event_loop_turns_on"] = True
    arguments.out.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


def beat(steps: Iterator[None]) -> Callable[[], float | None]:
    """A timer that calls `steps`, and measures how often it is called."""
    last = time.perf_counter()

    def turn() -> float | None:
        nonlocal last
        now = time.perf_counter()
        if not any(job.awaits_import for job in api.jobs()):
            turns.append(now - last - HEARTBEAT)
        last = now
        try:
            next(steps)
        except BaseException as error:
            if not isinstance(error, StopIteration):
                print(f"{type(error).__name__}: {error}", file=sys.stderr)
            sjc_blender.unregister()
            bpy.ops.wm.quit_blender()
            return None
        last = time.perf_counter()
        return HEARTBEAT

    return turn


def main() -> None:
    """Register the add-on with timed parts, and begin."""
    arguments = parsed()
    for module, name in (
        (job_queue.JobQueue, "pump"),
        (live_volume, "update"),
        (live_volume, "put"),
        (pump, "tell"),
        (job_import, "import_waiting"),
        (job_panel, "draw_jobs"),
        (status_bar, "_draw"),
    ):
        timed(module, name)
    sjc_blender.register()
    steps = course(arguments, Path(tempfile.mkdtemp(prefix="sjc-ticks-")))
    bpy.app.timers.register(beat(steps), first_interval=2.0, persistent=True)


main()
