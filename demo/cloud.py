"""Every Volume of the scene as a cloud that the lamps light: the console's ``api.set_look``, for all of them.

``blender -b scene.blend --python demo/cloud.py --command sjc render --out pictures``
"""

import importlib

import bpy

api = importlib.import_module("bl_ext.user_default.sjc_blender.addon.api")
for obj in bpy.context.scene.objects:
    if obj.type == "VOLUME":
        api.set_look(obj, "SCATTERING")
# Light that was scattered often is most of a cloud's light.
bpy.context.scene.cycles.volume_bounces = 8
