"""Run by a real Blender in a window: the main job by real clicks, while another script loads a file from a timer.

``blender --python main_job_by_mouse.py -- FOLDER`` writes ``outcome.json`` there. A second window is open; draws of
both status bars are counted while the job runs.
"""

from __future__ import annotations

import collections
import dataclasses
import importlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.in_blender.mouse import looked_for, open_sidebar, sidebar, xdotool
from tests.blender.story import EXTENSION, FOLDER, tell, until

LOADS = 4
WAIT = 120.0

api: Any = importlib.import_module(f"{EXTENSION}.addon.api")
draws: collections.Counter[int] = collections.Counter()
outcome: dict[str, Any] = {"clicks": 0, "loads": 0}


def count_draws(_header: Any, context: bpy.types.Context) -> None:
    """Appended to the status bar's header."""
    draws[context.window.as_pointer()] += 1


def click(operator: str) -> Iterator[float]:
    """Find a button by hovering, and press it."""
    for step in looked_for(operator):
        if isinstance(step, tuple):
            xdotool("click", 1)
            outcome["clicks"] += 1
        else:
            yield step
    yield 0.5


def with_steps(steps: int) -> None:
    """Let the panel's next jobs take so many steps."""
    submit = getattr(api.submit, "unpatched", api.submit)

    def patched(request: Any, **rest: Any) -> Any:
        fields = {**request.overrides, "optimisation.steps": steps, "field.resolution": 16}
        return submit(dataclasses.replace(request, overrides=fields), **rest)

    patched.unpatched = submit  # type: ignore[attr-defined]
    api.submit = patched


def in_local_view(name: str) -> bpy.types.SpaceView3D:
    """Let the first window's viewport show an object alone."""
    window, area, _region = sidebar()
    region = next(region for region in area.regions if region.type == "WINDOW")
    for obj in bpy.context.view_layer.objects:
        obj.select_set(obj.name == name)
    with bpy.context.temp_override(window=window, area=area, region=region):  # type: ignore[attr-defined]
        bpy.ops.view3d.localview(frame_selected=False)
    space: Any = area.spaces.active
    assert space.local_view is not None
    return space  # type: ignore[no-any-return]


def generated(steps: int, seed: int) -> Iterator[float]:
    """Set what is to be made, and press Generate."""
    before = len(api.jobs())
    settings: Any = bpy.context.scene.sjc  # type: ignore[attr-defined]
    settings.prompt, settings.preset, settings.seed = "a red chair", "draft", seed
    with_steps(steps)
    yield from click("sjc.generate")
    yield from until(lambda: len(api.jobs()) > before, "a job is in line", WAIT)
    job = api.jobs()[-1]
    yield from until(lambda: job.progress is not None or not job.live, "the job makes steps", WAIT)


def story() -> Iterator[float]:
    """Do it."""
    bpy.types.STATUSBAR_HT_header.append(count_draws)
    yield from open_sidebar()
    yield from until(lambda: api.engine_state().interpreter is not None, "the engine is found", WAIT)
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "scene.blend"))
    yield from generated(5000, seed=1)
    job = api.jobs()[-1]
    for _ in range(LOADS):
        time.sleep(0.4)  # now the jobs' timer is due in the same turn as this one, after it
        yield 0.0
        bpy.ops.wm.open_mainfile(filepath=str(FOLDER / "scene.blend"))
        assert bpy.context.window is None, "this turn is the one that ended Blender"
        outcome["loads"] += 1
        yield 0.3
    outcome["went on"] = job.live
    yield from click(f'sjc.cancel{{"job": "{job.id}"}}')  # and not Stop Now beside it
    yield from until(lambda: not job.live, "the job is cancelled", WAIT)
    outcome["first"] = {"state": str(job.state), "error": str(job.error)}
    space = in_local_view("Cube")
    yield from generated(300, seed=2)
    job = api.jobs()[-1]
    # It lies over the first one: there is nothing more to click.
    bpy.ops.wm.window_new_main()
    yield 1.0
    draws.clear()
    yield from until(lambda: not job.live and not job.awaits_import, "the job is done and imported", WAIT)
    told: Any = job.import_error or job.error
    outcome["in local view"] = [bpy.data.objects[name].local_view_get(space) for name in job.imported]
    outcome["status_bars"] = sorted(draws.values())
    outcome["second"] = {"state": str(job.state), "error": str(told), "objects": list(job.imported)}


tell(story(), outcome)
