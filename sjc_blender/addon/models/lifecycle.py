"""What happens to models when the add-on begins and ends."""

from __future__ import annotations

import bpy

from ... import __package__ as base_package
from . import model_pump, models_folder


def register() -> None:
    """Use the folder of models that the preferences name."""
    addon = bpy.context.preferences.addons.get(base_package)
    if addon is not None and addon.preferences is not None:
        models_folder.use(addon.preferences.models_folder)


def unregister() -> None:
    """Stop a download, and leave the environment as it was."""
    model_pump.stop()
    models_folder.use("")
