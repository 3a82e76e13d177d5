"""What the add-on's preferences are set to; `sjc_blender.addon.ui.preferences` shows them."""

from __future__ import annotations

import os
from pathlib import Path

import bpy

from .. import __package__ as base_package
from .process.engine_python import find_engine_python


def preferred_path(name: str) -> str:
    """Return a path of the preferences, absolute; empty where it is not set, or the add-on runs without preferences."""
    addon = bpy.context.preferences.addons.get(base_package)
    chosen = getattr(addon.preferences, name) if addon is not None and addon.preferences is not None else ""
    return os.path.abspath(bpy.path.abspath(chosen)) if chosen else ""  # noqa: PTH100  # resolve() would follow links


def engine_python(named: str | Path | None = None) -> Path:
    """Return the engine's Python: the one that is named, else as the preferences and `find_engine_python` say.

    Raises
    ------
    SjcError
        If there is no usable one.
    """
    return find_engine_python(named, preferred_path("engine_python"))
