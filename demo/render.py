"""Render the demo's result with Cycles, in a Blender that knows nothing of the add-on.

Runs in a Python with bpy: ``python -m demo.render RESULT.blend``. Prints where the pictures are.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import bpy
from mathutils import Matrix, Vector

SIDES = {"front": -35.0, "side": 70.0, "back": 160.0}
SAMPLES = 32


def main(blend: Path) -> None:
    """Render the Volume and the mesh from three sides each."""
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = SAMPLES
    if hasattr(scene.cycles, "volume_biased"):
        # Blender 5.2 renders volumes without bias by default, many times slower.
        scene.cycles.volume_biased = True
    scene.view_settings.view_transform = "Standard"
    results = [obj for obj in scene.objects if "sjc_prompt" in obj]
    # Where the job's cameras saw the object; its own origin is at its feet.
    domain = Matrix(json.loads(results[0]["sjc_settings"])["domain"]["matrix_world"])
    for kind, name in (("VOLUME", "volume"), ("MESH", "mesh")):
        for obj in results:
            obj.hide_render = obj.type != kind
        for side, azimuth in SIDES.items():
            look_from(scene, domain, azimuth)
            scene.render.filepath = str(blend.parent / f"{name}-{side}.png")
            bpy.ops.render.render(write_still=True)
            print(f"picture: {scene.render.filepath}")


def look_from(scene: bpy.types.Scene, domain: Matrix, azimuth: float, elevation: float = 22.0) -> None:
    """Put a camera around the object; angles in degrees, 0 looks at its front."""
    a, e = math.radians(azimuth), math.radians(elevation)
    eye = Vector((math.cos(e) * math.sin(a), -math.cos(e) * math.cos(a), math.sin(e))) * 2.6
    camera = scene.objects.get("Demo Camera")
    if camera is None:
        camera = bpy.data.objects.new("Demo Camera", bpy.data.cameras.new("Demo Camera"))
        scene.collection.objects.link(camera)
    camera.data.angle = math.radians(50)
    camera.matrix_world = domain @ Matrix.LocRotScale(eye, (-eye).to_track_quat("-Z", "Y"), (1, 1, 1))
    camera.scale = (1, 1, 1)
    scene.camera = camera


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
