# SPDX-License-Identifier: GPL-3.0-or-later
"""English for the whole interface of the add-on, whatever Blender's language.

Blender translates every label that it knows from its own interface ("Cancel", "Seed"), in add-ons too. A panel would
be half English and half German. A translation context that Blender's tables do not have leaves the names of operators,
panels, menus, properties and choices as they are, wherever Blender shows them. Labels without a property or an operator
have `translate=False` where they are drawn.
"""

from inspect import get_annotations
from types import ModuleType
from typing import Any

import bpy

CONTEXT = "sjc_blender"


def keep_english(module: ModuleType) -> None:
    """Set the context of every class of `module`, before it is registered, and of its properties."""
    for cls in vars(module).values():
        if isinstance(cls, type) and cls.__module__ == module.__name__:
            if issubclass(cls, bpy.types.Operator | bpy.types.Panel | bpy.types.Menu):
                cls.bl_translation_context = CONTEXT
            for prop in _own_properties(cls):
                prop.keywords["translation_context"] = CONTEXT
    for _owner, _name, prop in getattr(module, "PROPERTIES", ()):
        prop.keywords["translation_context"] = CONTEXT


def _own_properties(cls: type) -> list[Any]:
    """Properties that the body of `cls` declares; never those of Blender's classes above it, which others use too."""
    declared = get_annotations(cls).values()  # not from the class's dictionary: Python 3.14 no longer keeps them there
    return [prop for prop in declared if hasattr(prop, "keywords") and hasattr(prop, "function")]
