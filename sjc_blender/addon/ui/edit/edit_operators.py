# SPDX-License-Identifier: GPL-3.0-or-later
"""The button that edits the active result: thin over `sjc_blender.addon.api`."""

import bpy
import numpy as np
from mathutils import Vector

from ....protocol.errors import SjcError
from ... import api
from ...results.origin import is_result, job_folder_of
from ...rigs import rig_building
from ...rigs.domain import BOXLESS
from ..settings.properties import SJC_PG_settings
from ..shared.action import Action, engine_is_ready, on_result, possible
from ..shared.unknown_job_question import AsksAboutUnknownJobs

LEAST_SIDE = 0.05
"""Of the region, in the longest side of the result."""


class SJC_OT_edit_result(AsksAboutUnknownJobs, Action, bpy.types.Operator):
    """Make a new object from this result in the background; the result itself is kept"""

    bl_idname = "sjc.edit_result"
    bl_label = "Edit Result"
    needs = (on_result, engine_is_ready)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        try:
            folder = job_folder_of(context.object).path
        except SjcError:
            return self.execute(context)
        return self.ask(context, event, folder)

    def act(self, context: bpy.types.Context) -> None:
        settings: SJC_PG_settings = context.scene.sjc
        if self.agreed:
            self.settle(job_folder_of(context.object).path)
        api.submit(settings.edit_request(context.object), scene=context.scene, farm=settings.farm)


class SJC_OT_add_region(bpy.types.Operator):
    """Add a box for what may change: around the selected vertices, the other selected objects, or the upper half"""

    bl_idname = "sjc.add_region"
    bl_label = "Add SJC Region"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether a result is active, in a mode that knows what is selected."""
        usable = is_result(context.object) and context.mode in {"OBJECT", "EDIT_MESH"}
        return possible(cls, usable, "Choose the Volume or the mesh of a job, in Object or Edit Mode")

    def execute(self, context: bpy.types.Context) -> set[str]:
        points = _selection(context)
        if context.mode != "OBJECT":  # whose undo steps hold no new objects
            bpy.ops.object.mode_set(mode="OBJECT")
        least = LEAST_SIDE * max(context.object.dimensions)
        context.scene.sjc.edit_region = rig_building.add_region(context.scene, points, least)
        return {"FINISHED"}


def _selection(context: bpy.types.Context) -> np.ndarray:
    """Points, in world space, around which the region is to be."""
    result = context.object
    assert result is not None, "poll has looked"
    if context.mode == "EDIT_MESH":
        result.update_from_editmode()
        chosen = [result.matrix_world @ vertex.co for vertex in result.data.vertices if vertex.select]  # type: ignore[union-attr]
        if chosen:
            return np.array(chosen)
    others = [obj for obj in context.selected_objects if not is_result(obj) and obj.type not in BOXLESS | {"EMPTY"}]
    if context.mode == "OBJECT" and others:
        return np.concatenate([_corners(obj) for obj in others])
    corners = _corners(result)
    corners[:, 2] = np.maximum(corners[:, 2], corners[:, 2].mean())
    return corners


def _corners(obj: bpy.types.Object) -> np.ndarray:
    return np.array([(obj.matrix_world @ Vector(corner))[:] for corner in obj.bound_box])
