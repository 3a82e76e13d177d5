"""Renders of three shapes by Cycles, as folders of reference views: transparent, and before white, grey and black.

``python -m benchmarks.in_blender.reference_renders OUT`` in a Python with bpy. The shapes stand in a rotated box of
unequal sides, and the cameras are described as a rig's are. ``python -m benchmarks.reference_views OUT`` makes objects
of the folders.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import bpy
import numpy as np
import numpy.typing as npt
from mathutils import Matrix, Vector

import sjc_blender
from sjc_blender.addon.rigs.scene_rig import scene_rig
from sjc_blender.protocol import codec

Bytes = npt.NDArray[np.uint8]

VIEWS, SIZE, SAMPLES = 24, 64, 16
DISTANCE, ANGLE = 2.6, 48.0
BACKGROUNDS = {"transparent": None, "white": 255, "grey": 128, "black": 0}
COLOURS = {"torus": (0.8, 0.25, 0.1), "table": (0.45, 0.3, 0.15), "snowman": (0.75, 0.8, 0.9)}


def main() -> None:
    """Render everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    sjc_blender.register()
    for name in COLOURS:
        _render(name, out / name)
    sjc_blender.unregister()


def _render(name: str, out: Path) -> None:
    bpy.ops.wm.read_homefile(use_empty=True)
    scene = bpy.context.scene
    bpy.ops.mesh.primitive_cube_add(size=2)
    box = bpy.context.object
    place = Matrix.Translation((2.0, -1.0, 0.5)) @ Matrix.Rotation(0.7, 4, (0.3, 0.2, 0.9)) @ Matrix.Scale(1.4, 4)
    box.matrix_world = place @ Matrix.Diagonal((1.0, 0.8, 0.7, 1.0))
    box.hide_render = True
    _shape(name, place)
    rig = bpy.data.collections.new("Rig")
    scene.collection.children.link(rig)
    for index in range(VIEWS):
        _camera(index, place, rig)
    _light(scene)
    bpy.context.view_layer.update()
    found = scene_rig(rig, box, scene)
    pictures = [_picture(scene, camera, out) for camera in rig.objects]
    names = [camera.name for camera in found.rig.cameras]  # type: ignore[union-attr]
    assert names == [camera.name for camera in rig.objects]
    for background, level in BACKGROUNDS.items():
        folder = out / background
        folder.mkdir(parents=True)
        for index, picture in enumerate(pictures):
            _write(folder / f"{index}.png", picture if level is None else _before(picture, level))
        views = [
            {"image": f"{index}.png", "camera": codec.encode(camera)}
            for index, camera in enumerate(found.rig.cameras)  # type: ignore[union-attr]
        ]
        (folder / "reference_views.json").write_text(json.dumps({"version": 1, "views": views}))
    (out / "domain.json").write_text(json.dumps(codec.encode(found.domain)))


def _shape(name: str, place: Matrix) -> None:
    """The solids of `benchmarks.reference_views.inside`, in domain units."""
    if name == "torus":
        bpy.ops.mesh.primitive_torus_add(major_radius=0.5, minor_radius=0.18, major_segments=96, minor_segments=48)
        parts = [bpy.context.object]
    elif name == "table":
        boxes = [((0, 0, 0.3), (0.8, 0.5, 0.07))]
        boxes += [((x, y, -0.15), (0.08, 0.08, 0.4)) for x in (-0.65, 0.65) for y in (-0.38, 0.38)]
        parts = []
        for centre, half in boxes:
            bpy.ops.mesh.primitive_cube_add(size=2)
            bpy.context.object.matrix_world = Matrix.Translation(centre) @ Matrix.Diagonal((*half, 1.0))
            parts.append(bpy.context.object)
    else:
        parts = []
        for height, radius in ((-0.25, 0.35), (0.2, 0.25), (0.5, 0.15)):
            bpy.ops.mesh.primitive_uv_sphere_add(radius=radius, location=(0, 0, height), segments=64, ring_count=32)
            parts.append(bpy.context.object)
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (*COLOURS[name], 1.0)
    bpy.context.view_layer.update()
    for part in parts:
        part.matrix_world = place @ part.matrix_world
        part.data.materials.append(material)


def _camera(index: int, place: Matrix, rig: bpy.types.Collection) -> None:
    data = bpy.data.cameras.new(f"view {index:02d}")
    data.angle = math.radians(ANGLE)
    camera = bpy.data.objects.new(data.name, data)
    rig.objects.link(camera)
    azimuth, height = index * 2.39996, math.sin(math.radians(-60 + 130 * (index + 0.5) / VIEWS))
    around = math.sqrt(1 - height * height)
    eye = Vector((around * math.sin(azimuth), -around * math.cos(azimuth), height)) * DISTANCE
    turn = (place.to_3x3().normalized() @ (-eye)).to_track_quat("-Z", "Y")
    camera.matrix_world = Matrix.Translation(place @ eye) @ turn.to_matrix().to_4x4()


def _light(scene: bpy.types.Scene) -> None:
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.data.energy = 2.0
    sun.rotation_euler = (0.6, 0.3, 0.0)
    scene.collection.objects.link(sun)
    scene.world = bpy.data.worlds.new("World")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.6, 0.6, 0.6, 1.0)
    scene.render.engine = "CYCLES"  # type: ignore[assignment]  # the stubs know the engines that are built in
    scene.cycles.samples = SAMPLES
    scene.cycles.use_denoising = False
    scene.render.film_transparent = True
    scene.render.resolution_x = scene.render.resolution_y = SIZE
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"


def _picture(scene: bpy.types.Scene, camera: bpy.types.Object, out: Path) -> Bytes:
    """A render as bytes [SIZE, SIZE, 4], row 0 at the top, colours not multiplied by alpha."""
    scene.camera = camera
    scene.render.filepath = str(out / "render.png")
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(scene.render.filepath)
    pixels = np.array(image.pixels, np.float32).reshape(SIZE, SIZE, 4)[::-1]
    bpy.data.images.remove(image)
    Path(scene.render.filepath).unlink()
    found: Bytes = np.round(pixels * 255).astype(np.uint8)
    return found


def _before(picture: Bytes, level: int) -> Bytes:
    """The picture before a grey, as programs for pictures put one over the other: RGB."""
    alpha = picture[..., 3:] / 255
    over: Bytes = np.round(picture[..., :3] * alpha + level * (1 - alpha)).astype(np.uint8)
    return over


def _write(file: Path, pixels: Bytes) -> None:
    """Write a PNG by Blender, whose bytes are taken as they are."""
    image = bpy.data.images.new("picture", SIZE, SIZE, alpha=pixels.shape[-1] == 4)
    image.colorspace_settings.name = "sRGB"
    image.alpha_mode = "STRAIGHT"
    whole = np.full((SIZE, SIZE, 4), 255, np.uint8)
    whole[..., : pixels.shape[-1]] = pixels
    image.pixels.foreach_set((whole[::-1].astype(np.float32) / 255).ravel())
    image.filepath_raw, image.file_format = str(file), "PNG"
    image.save()
    bpy.data.images.remove(image)


if __name__ == "__main__":
    main()
