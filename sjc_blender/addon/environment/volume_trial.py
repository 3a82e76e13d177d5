# SPDX-License-Identifier: GPL-3.0-or-later
"""Test of whether Cycles renders volumes: run by ``blender -b --factory-startup --python volume_trial.py``.

Distributions build Blender without what Cycles needs for them: they render as nothing, and nothing says so. Prints one
event of `sjc_blender.protocol.events`, a diagnosis; imports nothing of the add-on, which is not switched on there.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import bpy
import numpy as np

SIZE = 8
FIX = "Show results as Mesh, render with EEVEE, or use Blender from blender.org."


def seen_glow(folder: Path) -> float:
    """Render a glowing block in a black picture; return its brightness, 0 to 1."""
    bpy.utils.expose_bundled_modules()
    import openvdb

    grid = openvdb.FloatGrid()
    grid.copyFromArray(np.full((8, 8, 8), 100.0, np.float32), ijk=(-4, -4, -4))
    grid.name = "density"
    openvdb.write(str(folder / "block.vdb"), grids=[grid])
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    volume = bpy.data.volumes.new("Block")
    volume.filepath = str(folder / "block.vdb")
    material = bpy.data.materials.new("Block")
    if material.node_tree is None:
        material.use_nodes = True
    nodes = material.node_tree.nodes
    nodes.clear()
    output, glow = nodes.new("ShaderNodeOutputMaterial"), nodes.new("ShaderNodeEmission")
    density = nodes.new("ShaderNodeAttribute")  # Cycles reads no grid that no material asks for
    density.attribute_name = "density"
    material.node_tree.links.new(density.outputs["Fac"], glow.inputs["Strength"])
    material.node_tree.links.new(glow.outputs["Emission"], output.inputs["Volume"])
    volume.materials.append(material)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location = (0, 0, 30)
    for obj in (bpy.data.objects.new("Block", volume), camera):
        scene.collection.objects.link(obj)
    scene.camera = camera
    render = scene.render
    render.engine = "CYCLES"
    render.resolution_x = render.resolution_y = SIZE
    render.resolution_percentage = 100
    scene.cycles.device, scene.cycles.samples, scene.cycles.use_denoising = "CPU", 4, False
    render.filepath = str(folder / "picture.png")
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGBA"
    bpy.ops.render.render(write_still=True)
    pixels: Any = bpy.data.images.load(render.filepath).pixels
    middle = SIZE * (SIZE // 2) + SIZE // 2
    return float(pixels[4 * middle])


def main() -> None:
    """Run the test and print the finding."""
    with tempfile.TemporaryDirectory(prefix="sjc-check-", ignore_cleanup_errors=True) as folder:
        try:
            works = seen_glow(Path(folder)) > 0.5
            text = (
                "it draws volumes"
                if works
                else "this Blender's Cycles was built without volumes: they render as nothing"
            )
        except Exception as error:  # the border: told instead of a finding
            works, text = False, f"whether it draws volumes could not be tried: {type(error).__name__}: {error}"
    finding = {"subject": "Cycles", "text": text, "works": works, "fix": "" if works else FIX}
    sys.stdout.write(json.dumps({"event": "diagnosis", "findings": [finding]}) + "\n")
    sys.stdout.flush()


main()
