"""The scene of the gallery's pictures, for any Blender: ``blender -b --python demo/studio.py -- studio.blend``.

A floor, a sun, a pale sky, and what the commands name:

- ``Box``, an empty: the domain, 2 m wide and 0.76 m above the floor, on which most results stand then
- ``Camera`` looks at it, ``Wide`` at a grid of three by three
- ``Four Sides``, a collection of cameras: a rig
- ``Blocks``, a collection of boxes in the shape of a chair, which is not rendered: a coarse shape to keep to
- ``Lower Half``, an empty around that of the box: a region to be changed
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import bpy
from mathutils import Vector

MIDDLE = Vector((0.0, 0.0, 0.76))
NEXT = 2.5
"""Between neighbours in a batch's grid: 1.25 of the domain's side."""

# Centre, in the box, and half sizes.
CHAIR = {
    "Seat": ((0.0, -0.02, -0.15), (0.42, 0.40, 0.08)),
    "Back": ((0.0, 0.31, 0.33), (0.42, 0.07, 0.40)),
    "Leg 1": ((-0.34, -0.34, -0.495), (0.08, 0.08, 0.265)),
    "Leg 2": ((0.34, -0.34, -0.495), (0.08, 0.08, 0.265)),
    "Leg 3": ((-0.34, 0.30, -0.495), (0.08, 0.08, 0.265)),
    "Leg 4": ((0.34, 0.30, -0.495), (0.08, 0.08, 0.265)),
}
SIDES = {"Front": (0, 15), "Left": (90, 15), "Back": (180, 15), "Right": (270, 15)}
"""Azimuth and elevation in degrees; the front is -Y."""


def main(path: Path) -> None:
    """Build the scene and save it."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    _render_settings(scene)
    _surroundings(scene)
    scene.camera = _camera(scene.collection, "Camera", MIDDLE, -32, 20, 4.0, 32)
    _camera(scene.collection, "Wide", Vector((NEXT + 0.45, NEXT - 0.2, 0.6)), -20, 33, 15.6, 30)
    _empty(scene, "Box", MIDDLE, (1, 1, 1))
    _empty(scene, "Lower Half", MIDDLE - Vector((0, 0, 0.5)), (1, 1, 0.5))
    rig = bpy.data.collections.new("Four Sides")
    scene.collection.children.link(rig)
    for name, (azimuth, elevation) in SIDES.items():
        _camera(rig, name, MIDDLE, azimuth, elevation, 2.0, 55)
    blocks = bpy.data.collections.new("Blocks")
    scene.collection.children.link(blocks)
    for name, (centre, half) in CHAIR.items():
        _block(blocks, name, MIDDLE + Vector(centre), half)
    blocks.hide_render = True
    bpy.ops.wm.save_as_mainfile(filepath=str(path.absolute()))


def _render_settings(scene: bpy.types.Scene) -> None:
    scene.render.engine = "CYCLES"
    scene.render.resolution_x = scene.render.resolution_y = 320
    scene.cycles.samples, scene.cycles.use_denoising = 16, True
    scene.cycles.volume_step_rate = 2
    if hasattr(scene.cycles, "volume_biased"):
        # Blender 5.2 renders volumes without bias by default, many times slower.
        scene.cycles.volume_biased = True
    scene.view_settings.view_transform = "Standard"
    # What Workbench shows of a mesh.
    scene.display.shading.color_type = "TEXTURE"


def _surroundings(scene: bpy.types.Scene) -> None:
    bpy.ops.mesh.primitive_plane_add(size=200)
    floor = bpy.context.object
    floor.name = "Floor"
    floor.data.materials.append(_matt("Floor", (0.20, 0.20, 0.21)))
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.data.energy, sun.data.angle = 3.0, math.radians(6)
    sun.rotation_euler = (math.radians(38), math.radians(-22), 0)
    scene.collection.objects.link(sun)
    sky = bpy.data.worlds.new("Sky")
    if sky.node_tree is None:  # 5.2 gives every world its nodes
        sky.use_nodes = True
    sky.node_tree.nodes["Background"].inputs["Color"].default_value = (0.28, 0.31, 0.36, 1)
    scene.world = sky


def _matt(name: str, colour: tuple[float, float, float]) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    if material.node_tree is None:
        material.use_nodes = True
    surface = material.node_tree.nodes["Principled BSDF"]
    surface.inputs["Base Color"].default_value = (*colour, 1)
    surface.inputs["Roughness"].default_value = 1
    material.diffuse_color = (*colour, 1)
    return material


def _empty(scene: bpy.types.Scene, name: str, centre: Vector, half: tuple[float, float, float]) -> None:
    empty = bpy.data.objects.new(name, None)
    empty.empty_display_type, empty.empty_display_size = "CUBE", 1
    empty.location, empty.scale = centre, half
    scene.collection.objects.link(empty)


def _camera(
    collection: bpy.types.Collection,
    name: str,
    aim: Vector,
    azimuth: float,
    elevation: float,
    distance: float,
    field_of_view: float,
) -> bpy.types.Object:
    """A camera that looks at `aim`; angles in degrees."""
    a, e = math.radians(azimuth), math.radians(elevation)
    way = Vector((math.cos(e) * math.sin(a), -math.cos(e) * math.cos(a), math.sin(e)))
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    camera.data.angle = math.radians(field_of_view)
    camera.location = aim + distance * way
    camera.rotation_euler = (-way).to_track_quat("-Z", "Y").to_euler()
    collection.objects.link(camera)
    return camera


def _block(
    collection: bpy.types.Collection, name: str, centre: Vector, half: tuple[float, float, float]
) -> bpy.types.Object:
    bpy.ops.mesh.primitive_cube_add(size=2, location=centre, scale=half)
    block = bpy.context.object
    block.name = name
    block.data.materials.append(bpy.data.materials.get("Block") or _matt("Block", (0.75, 0.75, 0.75)))
    for other in block.users_collection:
        other.objects.unlink(block)
    collection.objects.link(block)
    return block


if __name__ == "__main__":
    main(Path(sys.argv[sys.argv.index("--") + 1]))
