"""Render with Workbench: ``blender -b scene.blend --python demo/workbench.py --command sjc render ...``."""

import bpy

bpy.context.scene.render.engine = "BLENDER_WORKBENCH"
