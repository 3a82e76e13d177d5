# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's preferences: the engine, its folder, and the folder of models."""

import bpy
from bpy.props import BoolProperty, StringProperty

from ... import __package__ as base_package
from ..environment import session
from ..models import models_folder
from .environment.environment_panel import draw_engine


class SJC_AP_preferences(bpy.types.AddonPreferences):
    """Settings that hold for every file."""

    bl_idname = base_package

    engine_python: StringProperty(
        name="Engine Python",
        description="Your own Python that has the engine's packages, or the folder of its environment; used instead of "
        "what Set Up Engine installs. Empty: that, else what the environment variable SJC_ENGINE_PYTHON names",
        subtype="FILE_PATH",
        update=lambda _preferences, _context: session.look_again(),
    )

    engine_folder: StringProperty(
        name="Engine Folder",
        description="Folder in which Set Up Engine installs the engine's environment. Empty: your own folder for "
        "programs' data, where every Blender of this computer finds it",
        subtype="DIR_PATH",
        update=lambda _preferences, _context: session.look_again(),
    )

    wheelhouse: StringProperty(
        name="Wheelhouse",
        description="Folder of packages from which Set Up Engine installs without the network. "
        "Empty: from the Python Package Index on the internet",
        subtype="DIR_PATH",
    )

    models_folder: StringProperty(
        name="Models Folder",
        description="Where downloaded models lie, in the layout of the Hugging Face cache. "
        "Empty: the Hugging Face cache of this computer",
        subtype="DIR_PATH",
        update=lambda preferences, _context: models_folder.use(preferences.models_folder),
    )

    farm: StringProperty(
        name="Farm",
        description="Address of the scheduler of a farm, HOST or HOST:PORT, on which jobs can run. The Output panel "
        "then has Run On. The engine's Python needs the packages of requirements/farm.txt. Empty: no farm",
    )

    farm_keys: StringProperty(
        name="Farm Keys",
        description="This machine's folder of keys for the farm. Empty: that of the environment variable SJC_FARM_KEYS",
        subtype="DIR_PATH",
    )

    farm_shared: BoolProperty(
        name="Farm Shares Folders",
        description="The farm's workers can access the job folders; otherwise jobs and results are sent to and fro",
        default=True,
    )

    play_sound: BoolProperty(
        name="Sound When Done",
        description="Play a short sound when a job, or the set-up of the engine, has ended",
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        draw_engine(layout, context)
        column = layout.column()
        column.use_property_split = True
        for name in ("engine_python", "engine_folder", "wheelhouse", "models_folder", "farm"):
            column.prop(self, name)
        if self.farm:
            column.prop(self, "farm_keys")
            column.prop(self, "farm_shared")
        column.prop(self, "play_sound")
