# SPDX-License-Identifier: GPL-3.0-or-later
"""Registering a module of the add-on: the Blender classes that it defines, then what its own `register` adds."""

from types import ModuleType

import bpy

PREFIX = "SJC_"
"""Of the names of all classes that Blender is told of, and of no others."""


def classes_of(module: ModuleType) -> list[type]:
    """Return the Blender classes that a module defines, in the order in which it does."""
    own = [value for value in vars(module).values() if getattr(value, "__module__", "") == module.__name__]
    return [value for value in own if isinstance(value, type) and value.__name__.startswith(PREFIX)]


def register(module: ModuleType) -> None:
    """Register a module."""
    for cls in classes_of(module):
        bpy.utils.register_class(cls)
    if hasattr(module, "register"):
        module.register()


def unregister(module: ModuleType) -> None:
    """Undo what `register` did, in reverse order."""
    if hasattr(module, "unregister"):
        module.unregister()
    for cls in reversed(classes_of(module)):
        bpy.utils.unregister_class(cls)
