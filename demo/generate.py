"""Make a scene with a camera rig, open it, and run the job on it as ``blender --command sjc`` does.

Runs in a Python with bpy: ``python -m demo.generate OUT PROMPT PRESET``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy

import sjc_blender
from sjc_blender.addon.commands import command_line
from sjc_blender.addon.rigs import rig_building
from sjc_blender.protocol.model_profile import load_profile


def main(out: Path, prompt: str, preset: str) -> int:
    """Write ``scene.blend`` and ``result.blend`` into `out`; returns the command's exit code."""
    out.mkdir(parents=True, exist_ok=True)
    scene_path = out / "scene.blend"
    make_scene(scene_path)
    sjc_blender.register()
    try:
        bpy.ops.wm.open_mainfile(filepath=str(scene_path))
        arguments = ["generate", "--prompt", prompt, "--preset", preset, "--out", str(out / "job")]
        arguments += ["--rig", rig_building.RIG_NAME, "--domain", rig_building.DOMAIN_NAME]
        arguments += ["--import", "volume,mesh", "--save", str(out / "result.blend")]
        return command_line.main(arguments)
    finally:
        sjc_blender.unregister()


def make_scene(path: Path) -> None:
    """Save a scene with a domain off the origin, turned and scaled, and cameras around it."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.resolution_x = scene.render.resolution_y = 320
    domain = rig_building.add_domain(scene)
    domain.location, domain.rotation_euler.z, domain.scale = (1.0, 2.0, 1.5), 0.5, (1.5, 1.5, 1.5)
    rig = rig_building.add_orbit_rig(scene, domain, orbit=load_profile("builtin").orbit)
    scene.camera = sorted(rig.objects, key=lambda obj: obj.name)[len(rig.objects) // 2]
    light = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    light.data.energy, light.rotation_euler = 3.0, (0.7, 0.2, 0.9)
    scene.collection.objects.link(light)
    scene.world = bpy.data.worlds.new("World")
    bpy.ops.wm.save_as_mainfile(filepath=str(path))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute(), sys.argv[2], sys.argv[3]))
