"""The Blender side: rigs, jobs, results, and what is clicked.

Nothing is imported before `register`, so that the parts without bpy can be used without Blender.
"""

import atexit
import sys
from importlib import import_module

# In the order in which they register; a class comes after those that it refers to.
MODULES = (
    "ui.preferences",
    "environment.session",
    "ui.model_properties",
    "ui.properties",
    "ui.session_properties",
    "ui.gradually",
    "ui.operators",
    "ui.job_operators",
    "ui.history_operators",
    "ui.setting_presets",
    "ui.job_panel",
    "ui.environment_operators",
    "ui.panels",
    "ui.rig_operators",
    "ui.rig_panel",
    "ui.output_panel",
    "ui.result_properties",
    "ui.result_operators",
    "ui.result_panel",
    "ui.edit_operators",
    "ui.edit_panel",
    "ui.environment_panel",
    "ui.model_operators",
    "ui.model_panel",
    "ui.history_panel",
    "ui.status_bar",
    "ui.menus",
    "ui.batch_properties",
    "ui.batch_operators",
    "ui.batch_panel",
    "commands.command_line",
    "ui.report_operator",
    "ui.notices",
    "jobs.lifecycle",
    "models.lifecycle",
)

_registered = False


def register() -> None:
    """Register every part, in order."""
    global _registered
    _registered = True
    modules = [import_module(f".{name}", __name__) for name in MODULES]
    keep_english = import_module(".own_language", __name__).keep_english
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{__name__}.ui."):  # those too that only declare what another one registers
            keep_english(module)
    for module in modules:
        module.register()
    # Blender switches its add-ons off when it ends. Where it was imported as a module only Python
    # ends, and 4.5 hangs or crashes over any timer, handler or command that is still registered.
    atexit.register(unregister)


def unregister() -> None:
    """Unregister every part, last one first; jobs that run are stopped. A second time it does nothing."""
    global _registered
    if not _registered:
        return
    # As a module Blender switches its add-ons off after Python has called what it calls at its end: twice.
    _registered = False
    atexit.unregister(unregister)
    for name in reversed(MODULES):
        import_module(f".{name}", __name__).unregister()
