"""A windowed Blender from the factory scene to a red chair, by what a new user clicks; writes what is seen.

``scripts/screenshots.sh`` runs it, with the extension's zip in SJC_PACKAGE and an engine's Python in
SJC_ENGINE_PYTHON. From the ready engine to the chair it takes three clicks: Draft, Hide Cube, Generate.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from demo.window import (
    PICTURES,
    api,
    click,
    click_setting,
    open_tab,
    played,
    shot,
    sidebar,
    sidebar_shot,
    until,
    written,
)

CYCLES_SAMPLES = 32

BOX = 400
"""Pixels from the window's top to the middle of the job's box."""

COLOURS = (857, 461)
"""Where the button for the colours is looked for first, while the job runs on."""

VIEWS = (("solid", "SOLID", 2), ("material", "MATERIAL", 15), ("rendered-eevee", "RENDERED", 25))
"""Names, shadings, and the seconds that a software renderer may take for them."""


def session() -> Iterator[float]:
    """What the user does; gives the seconds until the next thing is done."""
    bpy.ops.extensions.package_install_files(
        filepath=os.environ["SJC_PACKAGE"], repo="user_default", enable_on_install=True
    )
    bpy.ops.wm.save_userpref()
    yield from open_tab()
    yield from until(lambda: api().engine_state().interpreter is not None, "the engine is found")
    yield from written("sjc.prompt", "a red chair")
    settings = bpy.context.scene.sjc
    yield from click_setting("sjc.preset", lambda: settings.preset == "draft")
    assert (settings.prompt, settings.preset) == ("a red chair", "draft"), (settings.prompt, settings.preset)
    yield from sidebar_shot("panel-ready")
    shot("before")
    yield from click("sjc.hide_cover")
    yield from click("sjc.generate")
    yield from until(lambda: api().jobs(), "the job is in line", 60)
    (job,) = api().jobs()
    yield from click_setting("sjc.colours", lambda: bpy.context.window_manager.sjc.colours, low=BOX, then=COLOURS)
    yield from until(lambda: job.progress is not None and job.progress.step > 200, "it has a shape")
    assert job.live, "it was done before it was looked at"
    shot("forming")
    yield from sidebar_shot("panel-running")
    yield from until(lambda: not job.live and not job.awaits_import, "it is done")
    assert job.imported, job.error or job.import_error
    yield from click("sjc.show_result")
    _window, area, _region = sidebar()
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area, region=region):
        bpy.ops.view3d.zoom(delta=-2)
    (PICTURES / "job.txt").write_text(str(job.folder.path), encoding="utf-8")
    yield from sidebar_shot("panel-done")
    for name, shading, seconds in VIEWS:
        area.spaces.active.shading.type = shading
        yield seconds
        shot(name)
    area.spaces.active.shading.type = "SOLID"
    yield 2
    scene = bpy.context.scene
    for engine, name in (("BLENDER_EEVEE", "f12-eevee"), ("CYCLES", "f12-cycles")):
        scene.render.engine = engine
        scene.render.resolution_x, scene.render.resolution_y = 640, 360
        scene.cycles.samples = CYCLES_SAMPLES
        scene.render.filepath = str(PICTURES / f"{name}.png")
        bpy.ops.render.render(write_still=True)
        yield 1


played(session())
