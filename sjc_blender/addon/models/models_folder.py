# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of models that the preferences name, handed on to all that look for models."""

from __future__ import annotations

import os

import bpy

from ...protocol.hub_cache import VARIABLE

_outside: str | None = os.environ.get(VARIABLE)
"""What the environment named when Blender started; it holds where the preferences name nothing."""


def use(folder: str) -> None:
    """Let this Blender and the engines that it starts use `folder`; empty: as the environment says."""
    chosen = bpy.path.abspath(folder) if folder else _outside
    if chosen:
        os.environ[VARIABLE] = chosen
    else:
        os.environ.pop(VARIABLE, None)
