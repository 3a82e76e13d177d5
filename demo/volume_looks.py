"""A Volume alone under one sun, in both looks: Solid and EEVEE in a windowed Blender, Cycles in any.

``scripts/screenshots.sh`` runs it twice, with the job in SJC_JOB and a folder for the pictures in SJC_PICTURES:
distributions build Blender without what Cycles needs for volumes, so Cycles' pictures are made by the bpy module.
"""

from __future__ import annotations

import importlib
import math
import os
import sys
import traceback
from pathlib import Path

import bpy
from mathutils import Vector

EXTENSION = "bl_ext.user_default.sjc_blender"
PICTURES = Path(os.environ["SJC_PICTURES"])
LOOKS = ("RADIANCE", "SCATTERING")
SIZE = 320


def main() -> None:
    """Make the scene, and a picture of each look."""
    importlib.import_module("addon_utils").enable(EXTENSION)
    api = importlib.import_module(f"{EXTENSION}.addon.api")
    scene = bpy.context.scene
    for obj in list(scene.objects):
        bpy.data.objects.remove(obj)
    (volume,) = api.import_result(os.environ["SJC_JOB"], outputs="volume")
    surroundings(scene, volume)
    for look in LOOKS:
        api.set_look(volume, look)
        if bpy.app.background:
            picture(scene, "CYCLES", f"{look.lower()}-cycles")
            continue
        solid(scene, f"{look.lower()}-solid")
        picture(scene, "BLENDER_EEVEE", f"{look.lower()}-eevee")


def surroundings(scene: bpy.types.Scene, volume: bpy.types.Object) -> None:
    """A floor, a sun, a camera that sees the Volume."""
    bpy.ops.mesh.primitive_plane_add(size=40, location=(0, 0, volume.location.z))
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.data.energy, sun.rotation_euler = 3.0, (math.radians(50), 0, math.radians(25))
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location = volume.location + Vector((1.5, -3.0, 1.7))
    aim = volume.location + Vector((0, 0, 0.7)) - camera.location
    camera.rotation_euler = aim.to_track_quat("-Z", "Y").to_euler()
    for obj in (sun, camera):
        scene.collection.objects.link(obj)
    scene.camera = camera
    scene.render.resolution_x = scene.render.resolution_y = SIZE
    scene.render.resolution_percentage = 100
    scene.view_settings.view_transform = "Standard"
    scene.cycles.samples, scene.cycles.use_denoising = 32, True
    if hasattr(scene.cycles, "volume_biased"):
        scene.cycles.volume_biased = True


def picture(scene: bpy.types.Scene, engine: str, name: str) -> None:
    """Render the scene."""
    scene.render.engine = engine
    scene.render.filepath = str(PICTURES / f"{name}.png")
    bpy.ops.render.render(write_still=True)


def solid(scene: bpy.types.Scene, name: str) -> None:
    """What the viewport's Solid shading shows."""
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")
    space = area.spaces.active
    space.shading.type, space.overlay.show_overlays = "SOLID", False
    space.region_3d.view_perspective = "CAMERA"
    scene.render.filepath = str(PICTURES / f"{name}.png")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.render.opengl(write_still=True)


def in_a_window() -> None:
    """Do it from a timer, when the window is there; Blender ends with it, by an error too."""
    try:
        main()
        (PICTURES / "done").touch()
    except Exception:
        traceback.print_exc()
    bpy.ops.wm.quit_blender()


if bpy.app.background:
    main()
    sys.exit(0)
bpy.context.preferences.view.show_splash = False
bpy.app.timers.register(in_a_window, first_interval=2)
