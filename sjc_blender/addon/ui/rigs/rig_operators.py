# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that make and check rigs and domains."""

from typing import Any

import bpy
from bpy.props import IntProperty

from ....protocol.errors import SjcError
from ....protocol.model_profile import load_profile
from ... import window_events
from ...rigs import rig_building, rig_watch
from ...rigs.camera import TEXT_PROPERTY, WEIGHT_PROPERTY
from ...rigs.proxy_box import add_fitting_domain
from ...rigs.rig_choice import RigChoice
from ..settings.properties import SJC_PG_settings
from ..shared import camera_path
from ..shared.action import Action, in_object_mode, possible


class SJC_OT_add_rig(Action, bpy.types.Operator):
    """Add cameras around the domain, and a domain if there is none, and use them for the next job"""

    bl_idname = "sjc.add_rig"
    bl_label = "Add SJC Camera Rig"
    bl_options = {"REGISTER", "UNDO"}
    needs = (in_object_mode,)

    count: IntProperty(name="Cameras", description="How many cameras", default=24, min=1, max=500, soft_max=100)

    def act(self, context: bpy.types.Context) -> None:
        scene = context.scene
        settings: SJC_PG_settings = scene.sjc
        orbit = load_profile(bpy.path.abspath(settings.model)).orbit
        if settings.domain is None:
            settings.domain = rig_building.add_domain(scene)
        settings.cameras = rig_building.add_orbit_rig(scene, settings.domain, count=self.count, orbit=orbit)
        settings.rig = "CAMERAS"


class SJC_OT_add_domain(Action, bpy.types.Operator):
    """Add a box at the 3D cursor for the result to fill; move, rotate and scale it as you like"""

    bl_idname = "sjc.add_domain"
    bl_label = "Add SJC Domain"
    bl_options = {"REGISTER", "UNDO"}
    needs = (in_object_mode,)

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.sjc.domain = rig_building.add_domain(context.scene)
        return {"FINISHED"}


def _has_proxy(operator: Any, context: bpy.types.Context) -> bool:
    return possible(operator, context.scene.sjc.proxy is not None, "Choose a proxy first")


class SJC_OT_fit_domain(Action, bpy.types.Operator):
    """Add a domain around the whole proxy and use it for the next job"""

    bl_idname = "sjc.fit_domain"
    bl_label = "Fit Domain to Proxy"
    bl_options = {"REGISTER", "UNDO"}

    needs = (_has_proxy, in_object_mode)

    def act(self, context: bpy.types.Context) -> None:
        settings: SJC_PG_settings = context.scene.sjc
        settings.domain = add_fitting_domain(settings.proxy, context.scene)


class SJC_OT_check_rig(Action, bpy.types.Operator):
    """Evaluate the camera's path and report what it sees; the scene is played for this and restored"""

    bl_idname = "sjc.check_rig"
    bl_label = "Check Path"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return possible(cls, not camera_path.playing(), camera_path.PLAYS)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Look, and show what was seen; what hinders it stands in the panel."""
        name = context.scene.name
        try:
            camera_path.play(context.scene, _show, lambda error: _show_error(name, error))
        except SjcError as error:
            _show_error(name, error)
        return {"FINISHED"}


def _show(scene: bpy.types.Scene, rig: RigChoice) -> None:
    rig_watch.look(scene, rig)
    window_events.redraw("VIEW_3D")


def _show_error(scene_name: str, error: SjcError) -> None:
    scene = bpy.data.scenes.get((scene_name, None))
    if scene is not None:
        rig_watch.keep(scene, rig_watch.Look(error=error, fresh=True))
        window_events.redraw("VIEW_3D")


class SJC_OT_camera_text(bpy.types.Operator):
    """Give this camera a weight, and a text for the model instead of its view words"""

    bl_idname = "sjc.camera_text"
    bl_label = "Weight and Text of This Camera"
    bl_options = {"UNDO", "INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        camera = context.object
        usable = camera is not None and camera.type == "CAMERA" and camera.library is None
        return possible(cls, usable, "Choose a camera of this file")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Give it the properties that it does not have yet; as they are at first they change nothing."""
        camera = context.object
        assert camera is not None, "poll has looked"
        for name, value in ((WEIGHT_PROPERTY, 1.0), (TEXT_PROPERTY, "")):
            if camera.get(name) is None:
                camera[name] = value
        camera.id_properties_ui(WEIGHT_PROPERTY).update(min=0.0, description="How often the camera is drawn; 0: never")
        camera.id_properties_ui(TEXT_PROPERTY).update(
            description="Text for the model at this camera; {prompt} is the job's prompt. Empty: the model's view words"
        )
        return {"FINISHED"}
