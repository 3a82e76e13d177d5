"""The button that edits the active result: thin over `sjc_blender.addon.api`."""

import bpy

from .. import api
from ..results.origin import is_result
from .job_operators import NeedsEngine
from .operators import attempt
from .properties import SJC_PG_settings


class SJC_OT_edit_result(NeedsEngine, bpy.types.Operator):
    """Make a new object of this result, in the background: it starts from the result's field, which stays"""

    bl_idname = "sjc.edit_result"
    bl_label = "Edit Result"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether a result is active."""
        if not is_result(context.object):
            cls.poll_message_set("Choose the Volume or the mesh of a job")
            return False
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Put the new job in line."""
        settings: SJC_PG_settings = context.scene.sjc
        return attempt(self, lambda: api.submit(settings.edit_request(context.object), scene=context.scene))


CLASSES = (SJC_OT_edit_result,)

register, unregister = bpy.utils.register_classes_factory(CLASSES)
