# SPDX-License-Identifier: GPL-3.0-or-later
"""Registering a module of the add-on: what it declares, then what its own `register` adds.

It declares Blender classes by their names; as ``PROPERTIES`` what it adds to Blender's own classes (owner, name,
property); and as ``HOOKS`` the functions that it adds to menus, handlers and lists of listeners (place, function).
"""

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
    for owner, name, prop in getattr(module, "PROPERTIES", ()):
        setattr(owner, name, prop)
    for place, function in getattr(module, "HOOKS", ()):
        place.append(function)
    if hasattr(module, "register"):
        module.register()


def unregister(module: ModuleType) -> None:
    """Undo what `register` did, in reverse order."""
    if hasattr(module, "unregister"):
        module.unregister()
    for place, function in reversed(getattr(module, "HOOKS", ())):
        place.remove(function)
    for owner, name, _prop in getattr(module, "PROPERTIES", ()):
        delattr(owner, name)
    for cls in reversed(classes_of(module)):
        bpy.utils.unregister_class(cls)
