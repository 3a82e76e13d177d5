# SPDX-License-Identifier: GPL-3.0-or-later
"""The preferences' folder of models, set as an environment variable."""

from __future__ import annotations

import os

import bpy

from ...protocol.hub_cache import VARIABLE

_outside: str | None = os.environ.get(VARIABLE)
"""Value of the variable when Blender started; used where the preferences are empty."""


def use(folder: str) -> None:
    """Use `folder` in this Blender and the engines that it starts; empty: that of the environment."""
    chosen = bpy.path.abspath(folder) if folder else _outside
    if chosen:
        os.environ[VARIABLE] = chosen
    else:
        os.environ.pop(VARIABLE, None)
