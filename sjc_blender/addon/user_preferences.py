# SPDX-License-Identifier: GPL-3.0-or-later
"""The values of the add-on's preferences, which `sjc_blender.addon.ui.preferences` shows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bpy

from .. import __package__ as base_package
from ..protocol.errors import SjcError
from .process.engine_python import find_engine_python
from .process.farm_process import Farm


def _preferences() -> Any:
    """Return the add-on's preferences; None where it runs without them."""
    addon = bpy.context.preferences.addons.get(base_package)
    return addon.preferences if addon is not None else None


def preferred_path(name: str) -> str:
    """Return a path of the preferences, absolute; empty where it is not set, or the add-on runs without preferences."""
    preferences = _preferences()
    chosen = "" if preferences is None else getattr(preferences, name)
    return os.path.abspath(bpy.path.abspath(chosen)) if chosen else ""  # noqa: PTH100  # resolve() would follow links


def farm_address() -> str:
    """Return the address of the farm; empty where there is none."""
    preferences = _preferences()
    return "" if preferences is None else str(preferences.farm).strip()


def farm() -> Farm:
    """Return the farm of the preferences.

    Raises
    ------
    SjcError
        ``no_farm``, ``bad_address``.
    """
    address = farm_address()
    if not address:
        raise SjcError(
            "no_farm",
            "The job is to run on a farm, and the add-on's preferences name none.",
            "Enter the farm's address there, or choose This Computer in Output, Run On.",
        )
    keys = preferred_path("farm_keys")
    return Farm(address, Path(keys) if keys else None, _preferences().farm_shared)


def engine_python(named: str | Path | None = None) -> Path:
    """Return the engine's Python: `named`, else as the preferences and `find_engine_python` say.

    Raises
    ------
    SjcError
        If there is no usable one.
    """
    return find_engine_python(named, preferred_path("engine_python"))
