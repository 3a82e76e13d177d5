"""What the pipeline does in Blender itself: ``--python in_blender.py -- FUNCTION WORD...``; answers in JSON."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import bpy

SPACING = 4.0
COLLECTION = "SJC rows"


def scene(path: str, count: str) -> None:
    """Rows' domains, of different sizes beside one another, each with cameras of its own."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    for number in range(int(count)):
        size, centre = 0.8 + 0.1 * number, number * SPACING
        box = bpy.data.objects.new(f"Box {number}", None)
        box.empty_display_type, box.empty_display_size, box.location = "CUBE", size, (centre, 0.0, size)
        bpy.context.scene.collection.objects.link(box)
        rig = bpy.data.collections.new(f"Rig {number}")
        bpy.context.scene.collection.children.link(rig)
        for index in range(3 + number % 3):
            angle = index * math.tau / (3 + number % 3)
            camera = bpy.data.objects.new(f"Camera {number} {index}", bpy.data.cameras.new("Camera"))
            camera.location = (centre + 5 * math.sin(angle), -5 * math.cos(angle), size)
            camera.rotation_euler = (math.pi / 2, 0.0, angle)
            rig.objects.link(camera)
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(path).absolute()))


def shot(path: str, assets: str, count: str) -> None:
    """A file that links the collection of results, with a light, and a camera that sees all of them."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    made: Any = bpy.context.scene
    Path(path).parent.mkdir(exist_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(path).absolute()))
    with bpy.data.libraries.load(str(Path(assets).absolute()), link=True, relative=True) as (_, wanted):
        wanted.collections = [COLLECTION]
    instance = bpy.data.objects.new("Rows", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", bpy.data.collections[COLLECTION]
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.data.type, camera.data.ortho_scale = "ORTHO", SPACING * int(count)
    camera.location, camera.rotation_euler = (SPACING * (int(count) - 1) / 2, -20.0, 1.0), (math.pi / 2, 0.0, 0.0)
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.data.energy, sun.rotation_euler = 3.0, (math.pi / 3, 0.0, 0.2)
    for obj in (instance, camera, sun):
        made.collection.objects.link(obj)
    made.camera, made.view_settings.view_transform = camera, "Standard"
    made.render.engine, made.cycles.samples, made.cycles.device = "CYCLES", 4, "CPU"
    made.render.resolution_x, made.render.resolution_y, made.render.film_transparent = 32 * int(count), 32, True
    bpy.ops.wm.save_mainfile()


def picture(path: str, count: str) -> list[list[float]]:
    """Render the open file; the mean colour [red, green, blue, alpha] of each row's part of the picture."""
    made: Any = bpy.context.scene
    made.render.image_settings.file_format, made.render.filepath = "PNG", str(Path(path).absolute())
    made.render.image_settings.color_mode = "RGBA"
    bpy.ops.render.render(write_still=True)
    image: Any = bpy.data.images.load(made.render.filepath)
    width, height = image.size
    pixels, part = list(image.pixels), width // int(count)
    parts = []
    for number in range(int(count)):
        inside = [4 * (row * width + number * part + column) for row in range(height) for column in range(part)]
        parts.append([sum(pixels[at + channel] for at in inside) / len(inside) for channel in range(4)])
    return parts


def results() -> dict[str, dict[str, Any]]:
    """What the open file has of results: each object's type, prompt, and whether its grids and its colour are there."""
    found = {}
    for obj in bpy.data.objects:
        if "sjc_job" not in obj:
            continue
        about: dict[str, Any] = {"type": obj.type, "prompt": obj["sjc_prompt"], "linked": obj.library is not None}
        data: Any = obj.data
        if obj.type == "MESH":
            about["colour"] = list(data.color_attributes[0].data[0].color)[:3]
        else:
            about["loaded"], about["error"] = data.grids.load(), data.grids.error_message
            about["path"], about["colour"] = (
                data.filepath,
                _colour_of(bpy.path.abspath(data.filepath, library=obj.library)),
            )
        found[obj.name] = about
    return found


def _colour_of(path: str) -> list[float]:
    bpy.utils.expose_bundled_modules()
    import openvdb

    grid = openvdb.read(path, "color")
    return list(next(value["value"] for value in grid.citerOnValues()))


def remesh(name: str, threshold: str) -> int:
    """Cut a result anew; how many vertices that gives."""
    mesh: Any = bpy.context.window_manager.sjc.api.remesh(name, float(threshold)).data  # type: ignore[attr-defined]
    return len(mesh.vertices)


if __name__ == "__main__":
    function, *words = sys.argv[sys.argv.index("--") + 1 :]
    answer = {made.__name__: made for made in (scene, shot, picture, results, remesh)}[function](*words)
    print("answer:", json.dumps(answer), flush=True)
