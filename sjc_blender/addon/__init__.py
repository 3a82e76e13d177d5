# SPDX-License-Identifier: GPL-3.0-or-later
"""The Blender side: rigs, jobs, results, and the user interface.

Nothing is imported before `register`, so that the parts without bpy can be used without Blender.
"""

import atexit
import sys
from importlib import import_module

# In the order in which they register; a class comes after those that it refers to.
MODULES = (
    "ui.preferences",
    "environment.session",
    "ui.settings.model_properties",
    "ui.settings.properties",
    "ui.job.session_properties",
    "ui.shared.gradually",
    "ui.job.generate_operators",
    "ui.job.job_operators",
    "ui.history.history_operators",
    "ui.settings.setting_presets",
    "ui.shared.previews",
    "ui.job.job_panel",
    "ui.environment.environment_operators",
    "ui.job.main_panel",
    "ui.rigs.rig_operators",
    "rigs.rig_watch",
    "ui.rigs.rig_panel",
    "ui.job.output_panel",
    "ui.result.result_properties",
    "ui.result.result_operators",
    "ui.result.unused_operators",
    "ui.result.result_panel",
    "ui.edit.edit_operators",
    "ui.edit.edit_panel",
    "ui.environment.environment_panel",
    "ui.models.model_operators",
    "ui.models.model_panel",
    "ui.history.history_panel",
    "ui.job.status_bar",
    "ui.menus",
    "ui.batch.batch_properties",
    "ui.batch.batch_operators",
    "ui.batch.batch_panel",
    "commands.command_line",
    "ui.environment.report_operator",
    "ui.notices",
    "ui.job.turn",
    "jobs.lifecycle",
    "models.lifecycle",
)

_registered = False


def register() -> None:
    """Register all modules, in order."""
    global _registered
    _registered = True
    modules = [import_module(f".{name}", __name__) for name in MODULES]
    keep_english = import_module(".own_language", __name__).keep_english
    registration = import_module(".registration", __name__)
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{__name__}.ui."):  # those too that only declare what another one registers
            keep_english(module)
    for module in modules:
        registration.register(module)
    # Blender switches its add-ons off when it ends. Where it was imported as a module only Python
    # ends, and 4.5 hangs or crashes over any timer, handler or command that is still registered.
    atexit.register(unregister)


def unregister() -> None:
    """Unregister all modules in reverse order and stop running jobs; a second call does nothing."""
    global _registered
    if not _registered:
        return
    # Blender as a module disables its add-ons after Python's exit handlers, so that this is called twice.
    _registered = False
    atexit.unregister(unregister)
    registration = import_module(".registration", __name__)
    for name in reversed(MODULES):
        registration.unregister(import_module(f".{name}", __name__))
    import_module(".clock", __name__).stop()
