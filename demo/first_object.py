"""A windowed Blender from the factory scene to a red chair, by what a new user clicks; writes what is seen.

``scripts/screenshots.sh`` runs it: with the extension in the folder for Blender's user (BLENDER_USER_RESOURCES), an
engine's Python in SJC_ENGINE_PYTHON, a folder for the pictures in SJC_PICTURES, and ImageMagick's ``import``.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import traceback
from collections.abc import Iterator
from pathlib import Path

import addon_utils
import bpy

EXTENSION = "bl_ext.user_default.sjc_blender"
PICTURES = Path(os.environ["SJC_PICTURES"])
CYCLES_SAMPLES = 32
PATIENCE = 1200
"""Seconds for the job."""

VIEWS = (("solid", "SOLID", 2), ("material", "MATERIAL", 15), ("rendered-eevee", "RENDERED", 25))
"""Names, shadings, and the seconds that a software renderer may take for them."""


def session() -> Iterator[float]:
    """What the user does; gives the seconds until the next thing is done."""
    addon_utils.enable(EXTENSION, default_set=True)
    api = importlib.import_module(f"{EXTENSION}.addon.api")
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")
    space = area.spaces.active
    space.show_region_ui = True
    yield 2
    with bpy.context.temp_override(window=window, area=area, region=region):
        next(region for region in area.regions if region.type == "UI").active_panel_category = "SJC"
    scene = bpy.context.scene
    scene.sjc.prompt, scene.sjc.preset = "a red chair", "draft"
    for _ in range(60):
        yield 1
        with bpy.context.temp_override(window=window, area=area, region=region):
            if bpy.ops.sjc.generate.poll():
                break
    shot("before")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.sjc.hide_cover(name="Cube")
        bpy.ops.sjc.generate("EXEC_DEFAULT")
    bpy.context.window_manager.sjc.colours = True
    (job,) = api.jobs()
    seen = False
    for _ in range(PATIENCE):
        yield 1
        if not seen and job.progress is not None and job.progress.step > 200 and job.live_field is not None:
            seen = True
            shot("forming")
        if not job.live:
            break
    assert job.imported, job.error or job.import_error
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.sjc.show_result(job=job.id)
    yield 2
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.view3d.zoom(delta=-2)
    yield 2
    (PICTURES / "job.txt").write_text(str(job.folder.path), encoding="utf-8")
    for name, shading, seconds in VIEWS:
        space.shading.type = shading
        yield seconds
        shot(name)
    space.shading.type = "SOLID"
    yield 2
    for engine, name in (("BLENDER_EEVEE", "f12-eevee"), ("CYCLES", "f12-cycles")):
        scene.render.engine = engine
        scene.render.resolution_x, scene.render.resolution_y = 640, 400
        scene.cycles.samples = CYCLES_SAMPLES
        scene.render.filepath = str(PICTURES / f"{name}.png")
        bpy.ops.render.render(write_still=True)
        yield 1


def shot(name: str) -> None:
    """Take a picture of the whole screen."""
    subprocess.run(["import", "-window", "root", str(PICTURES / f"{name}.png")], check=True)


def main() -> None:
    """Go on from a timer; Blender ends with the session, by an error too."""
    steps = session()

    def go_on() -> float | None:
        try:
            return next(steps)
        except StopIteration:
            (PICTURES / "done").touch()
        except Exception:
            traceback.print_exc()
        bpy.ops.wm.quit_blender()
        return None

    bpy.context.preferences.view.show_splash = False
    bpy.app.timers.register(go_on, first_interval=2)


main()
