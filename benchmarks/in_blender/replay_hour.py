"""An artist's hour with the panel, by mouse: whether every click hits what it was aimed at.

``blender --factory-startup --python benchmarks/in_blender/replay_hour.py -- --out hour.json`` in a window of 1280 x 800
on an X display with ``xdotool``. Three jobs in line are put into another order while jobs end and begin, one is
paused, cancelled, killed and resumed, a result is shown and edited, four variations are made and one is kept. Before
each click Blender is asked what stands under the mouse; the click comes a reaction time later, and what Blender then
runs is compared. A click on a button that has become grey since the aim runs nothing, and is counted by itself; any
other operator or job than the one aimed at is a wrong one.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import sjc_blender
from benchmarks.in_blender.mouse import Spot, looked_for, open_sidebar, sidebar, told, under_the_mouse, xdotool
from sjc_blender.addon import api
from sjc_blender.addon.jobs import job_queue, known_jobs
from sjc_blender.addon.jobs.job import Job, JobState
from sjc_blender.addon.ui.edit.edit_panel import SJC_PT_edit

REACTION = (0.2, 1.2)
"""Seconds between the aim and the click."""

LONGER = 5
"""How many times the steps of a job that must not end before its buttons are found."""

ROW = 21
"""Pixels between two rows of a list."""

PAGES = 4
"""Most pages of the sidebar."""

WAIT = 1800.0
ran: list[str] = []
"""Operators of the add-on that Blender ran, as the user would write them in Python."""

clicks: list[dict[str, str]] = []


def parsed() -> argparse.Namespace:
    """Read what stands after Blender's own ``--``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--steps",
        type=int,
        default=400,
        help="of a job that may end meanwhile; the others have five times as many (default: 400)",
    )
    return parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])


def noted() -> None:
    """Let every operator of the add-on be written down as it runs, also by what it inherits."""
    waiting = list(bpy.types.Operator.__subclasses__())
    found: dict[Any, tuple[str, Any]] = {}
    while waiting:
        cls: Any = waiting.pop()
        waiting += cls.__subclasses__()
        own = [vars(base) for base in cls.__mro__ if base.__module__.startswith(sjc_blender.__name__)]
        for name in ("invoke", "execute"):
            function = next((names[name] for names in own if name in names), None)
            if cls.__name__.startswith("SJC_OT") and function is not None:
                found[cls] = (name, _noting(cls.bl_idname, name, function))
                break
    for cls, (name, function) in found.items():  # when all have been looked at: one may inherit from another
        setattr(cls, name, function)


def _noting(idname: str, name: str, function: Any) -> Any:
    def note(operator: Any) -> None:
        given = {key: operator.properties[key] for key in operator.properties.keys()}  # noqa: SIM118  # no dictionary
        ran.append(idname + told(given))

    # Blender counts the arguments when it registers a class.
    def invoke(self: Any, context: bpy.types.Context, event: bpy.types.Event) -> Any:
        note(self)
        return function(self, context, event)

    def execute(self: Any, context: bpy.types.Context) -> Any:
        note(self)
        return function(self, context)

    return invoke if name == "invoke" else execute


def found(start: str, low: int = 90, high: int = 715, then: Spot | None = None) -> Iterator[float]:
    """Look for a button whose operator begins so, from the top; its place goes into `spot`."""
    global spot
    spot = None
    for step in looked_for(start, low, high, then):
        if isinstance(step, tuple):
            spot = step
        else:
            yield step


spot: Spot | None = None
known: dict[str, Spot] = {
    "sjc.random_seed": (1001, 174),
    "sjc.generate": (874, 211),
    'sjc.move_job{"places": 1}': (1001, 297),
    'sjc.move_job{"places": -1}': (1001, 317),
    "sjc.cancel_chosen": (1001, 344),
    "sjc.clear_jobs": (1001, 364),
    "sjc.pause": (825, 447),
    "sjc.unpause": (825, 447),
    'sjc.cancel{"job"': (897, 447),
    "sjc.show_result": (902, 553),
    "sjc.resume": (972, 553),
}
"""Where a button is looked for first, in a window of 1280 x 800: what stands there is asked before each click."""


def possible(aimed: str) -> bool:
    """Whether an operator of the panel can run: its button is not grey by its own condition."""
    window, area, region = sidebar()
    operator = getattr(bpy.ops.sjc, aimed.removeprefix("sjc.").partition("{")[0])
    with bpy.context.temp_override(window=window, area=area, region=region):  # type: ignore[attr-defined]
        return bool(operator.poll())


def click(start: str, *, confirm: bool = False, **where: Any) -> Iterator[float]:
    """Aim at a button, and click a moment later."""
    yield from found(start, then=known.get(start), **where)
    assert spot is not None
    known[start] = spot
    aimed, before = under_the_mouse(), len(ran)
    could = possible(aimed)
    yield random.uniform(*REACTION)
    greyed = could and not possible(aimed)
    xdotool("click", 1)
    yield 0.5
    if confirm:
        xdotool("key", "Return")
        yield 0.5
    hit = [name for name in ran[before:] if not name.startswith("sjc.tell")]  # the news of a job that has ended
    outcome = ("greyed" if greyed else "nothing") if not hit else "hit" if hit == [aimed] else "WRONG"
    clicks.append({"aimed": aimed, "ran": "; ".join(hit), "outcome": outcome})
    print(outcome, aimed, hit, flush=True)


def chosen_row(job: Job) -> Iterator[float]:
    """Click a job's row in the list, whose first one stands left of the upper arrow."""
    names = [entry.name for entry in bpy.context.window_manager.sjc.jobs]
    x, y = known["row"]
    xdotool("mousemove", x, y + ROW * names.index(job.id))
    yield random.uniform(*REACTION)
    now = [entry.name for entry in bpy.context.window_manager.sjc.jobs]
    xdotool("click", 1)
    yield 0.5
    shown = bpy.context.window_manager.sjc.jobs[bpy.context.window_manager.sjc.job_index].name
    clicks.append({"aimed": job.id, "ran": shown, "outcome": "hit" if shown == job.id else "WRONG"})
    print("row", shown == job.id, names == now, flush=True)


def scrolled(key: str) -> Iterator[float]:
    """Scroll the sidebar to its end, or to its top, by the keys for pages."""
    xdotool("mousemove", known["row"][0], 600)
    yield 0.5
    for _ in range(PAGES):
        xdotool("key", key)
        yield 0.5


def until(condition: Any) -> Iterator[float]:
    """Wait for it."""
    end = time.monotonic() + WAIT
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError("it was waited for in vain")
        yield 0.25


def optimising(job: Job) -> bool:
    """Whether it can be paused."""
    return job.state is JobState.RUNNING and job.phase == "optimising" and job.progress is not None


def hour(options: argparse.Namespace) -> Iterator[float]:
    """Do all of it."""
    settings = bpy.context.scene.sjc  # type: ignore[attr-defined]
    submit = api.submit
    steps: int = options.steps

    def of_some_steps(request: Any, **rest: Any) -> Job:
        fields = {**request.overrides, "optimisation.steps": steps}
        return submit(dataclasses.replace(request, overrides=fields), **rest)

    api.submit = of_some_steps
    yield from open_sidebar()
    yield from until(lambda: api.engine_state().interpreter is not None)
    settings.prompt, settings.preset = "a red chair", "draft"
    yield 0.5
    for _ in range(3):
        yield from click("sjc.generate")
        yield from click("sjc.random_seed")
        steps = LONGER * options.steps  # what is to be paused or killed must not end before it is found
    queue = job_queue.QUEUE
    first, _second, third = queue.jobs
    yield from until(lambda: optimising(first))
    # The list's first row is as high up as its upper arrow.
    yield from found("sjc.cancel_chosen", then=known["sjc.cancel_chosen"])
    assert spot is not None
    known["row"] = (spot[0] - 150, spot[1] - 2 * ROW)
    yield from chosen_row(third)
    while first.live or not optimising(queue.jobs[1]):  # a job ends and the next one begins under the mouse
        where = random.choice(['sjc.move_job{"places": 1}', 'sjc.move_job{"places": -1}'])
        yield from until(lambda: possible("sjc.move_job") or third.state is not JobState.QUEUED)
        if third.state is not JobState.QUEUED:
            break
        yield from click(where, low=known["row"][1] - 25, high=known["row"][1] + 60)
    running = next(job for job in queue.jobs if job.live and job.state is not JobState.QUEUED)
    yield from chosen_row(running)
    yield from until(lambda: optimising(running) or not running.live)
    running = next(job for job in queue.jobs if job.live)
    yield from chosen_row(running)
    yield from until(lambda: optimising(running))
    yield from click("sjc.pause")
    yield from until(lambda: running.state is JobState.PAUSED)
    yield from click("sjc.unpause")
    yield from click('sjc.cancel{"job"')
    yield from until(lambda: not running.live)
    last = next(job for job in queue.jobs if job.live)
    yield from chosen_row(last)
    yield from until(lambda: optimising(last) and last.folder.checkpoint.exists())
    os.kill(queue._process._process.pid, signal.SIGKILL)  # type: ignore[union-attr]
    yield from until(lambda: last.state is JobState.FAILED)
    yield from click("sjc.resume")
    resumed = next(job for job in queue.jobs if job.live)
    yield from until(lambda: bool(resumed.imported))
    yield from chosen_row(resumed)
    yield from click("sjc.show_result")
    settings.edit_prompt, steps = "a blue chair", LONGER * options.steps
    yield from until(lambda: not resumed.folder.busy)  # its turntable is made after the import
    yield from scrolled("Next")
    yield from click("sjc.edit_result")
    yield from scrolled("Prior")
    edit = next(job for job in queue.jobs if job.live)
    yield from until(lambda: optimising(edit) or not edit.live)
    yield from chosen_row(edit)
    yield from click('sjc.cancel{"job"')
    yield from until(lambda: not edit.live)
    yield from click("sjc.clear_jobs", confirm=True, low=known["row"][1])
    bpy.context.window_manager.sjc.variations, steps = 4, options.steps // 4
    settings.seed = 200_000
    yield from click("sjc.generate")
    variations = queue.jobs[-4:]
    yield from until(lambda: all(job.state is JobState.DONE for job in variations))
    yield from scrolled("Next")  # the buttons of the last two are then at the sidebar's top
    yield from click("sjc.import_result")
    yield from until(lambda: any(job.imported for job in variations))


def main() -> None:
    """Replay it, and write what every click did."""
    options = parsed()
    folder = Path(tempfile.mkdtemp(prefix="sjc-hour-"))
    known_jobs.index_path = lambda: folder / "index.json"
    import_every_operator()
    noted()
    SJC_PT_edit.bl_options = set()  # unfolded from the start: what is folded cannot be aimed at
    sjc_blender.register()
    steps = hour(options)

    def tick() -> float | None:
        try:
            return next(steps)
        except StopIteration:
            trouble = ""
        except Exception:  # the border: Blender would stand there for ever
            trouble = traceback.format_exc()
            print(trouble, flush=True)
        outcomes = [one["outcome"] for one in clicks]
        counts = {name: outcomes.count(name) for name in ("hit", "greyed", "nothing", "WRONG")}
        told = {"counts": counts, "clicks": clicks, "trouble": trouble}
        options.out.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")
        print(json.dumps(counts), flush=True)
        for job in api.jobs():
            api.cancel(job, now=True)
        sjc_blender.unregister()
        bpy.ops.wm.quit_blender()
        return None

    bpy.app.timers.register(tick, first_interval=1.0)


def import_every_operator() -> None:
    """Import what `register` would, for its classes are to be changed before."""
    from importlib import import_module

    from sjc_blender import addon

    for name in addon.MODULES:
        import_module(f"{addon.__name__}.{name}")


main()
