"""Renders of a Blender scene for ``engine fit``: how well a Volume stands in for an existing object.

Run by a Python that has bpy; it makes a scene with an object, a domain and 115 cameras around it, and renders each
camera with Cycles, as ``blender --command sjc render --views`` does::

    build/bpy52/bin/python -m demo.fit_scene build/fit/pictures
    build/engine/bin/python -m sjc_blender.engine fit build/fit/pictures --out build/fit/job

Every eighth picture is held out: 100 are fitted.
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy

import sjc_blender
from sjc_blender.addon.commands.command_line import main
from sjc_blender.addon.rigs.rig_building import add_domain, add_orbit_rig
from sjc_blender.protocol.spec import OrbitRig

CAMERAS = 115
ORBIT = OrbitRig(distance=(3.4, 3.4), elevation=(-30.0, 75.0), field_of_view=(36.0, 36.0))


def material(name: str, colour: tuple[float, float, float]) -> bpy.types.Material:
    """A diffuse colour."""
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    shader = made.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*colour, 1.0)
    shader.inputs["Roughness"].default_value = 1.0
    shader.inputs["Specular IOR Level"].default_value = 0.0  # a field has one colour for all directions
    return made


def build_scene() -> None:
    """A monkey on a pedestal under an even sky, with a light from one side."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    sjc_blender.register()
    scene = bpy.context.scene
    scene.world = bpy.data.worlds.new("Sky")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.6, 0.65, 0.8, 1.0)
    bpy.ops.mesh.primitive_monkey_add(size=1.1, location=(0, -0.05, 0.2))
    monkey = bpy.context.object
    monkey.data.materials.append(material("Fur", (0.45, 0.2, 0.07)))
    bpy.ops.object.modifier_add(type="SUBSURF")
    bpy.ops.object.shade_smooth()
    bpy.ops.mesh.primitive_cylinder_add(radius=0.6, depth=0.35, location=(0, 0, -0.62))
    bpy.context.object.data.materials.append(material("Stone", (0.2, 0.35, 0.5)))
    bpy.ops.object.light_add(type="SUN", rotation=(0.6, 0.3, 0.5))
    bpy.context.object.data.energy = 2.0
    domain = add_domain(scene)
    domain.name = "Domain"
    rig = add_orbit_rig(scene, domain, count=CAMERAS, orbit=ORBIT)
    rig.name = "Around"


if __name__ == "__main__":
    build_scene()
    options = ["--rig", "Around", "--domain", "Domain", "--size", "128", "--samples", "64", "--engine", "cycles"]
    sys.exit(main(["render", "--out", str(Path(sys.argv[1])), "--views", *options]))
