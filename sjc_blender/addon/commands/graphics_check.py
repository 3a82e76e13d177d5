# SPDX-License-Identifier: GPL-3.0-or-later
"""Check whether Blender can use the graphics card: without one it crashes instead of raising an error."""

from __future__ import annotations

import subprocess
import sys

import bpy

from ...protocol.errors import SjcError
from ..process.platform_process import popen_options

DRAWN = {"BLENDER_EEVEE": "EEVEE", "BLENDER_EEVEE_NEXT": "EEVEE", "BLENDER_WORKBENCH": "Workbench"}
"""Render engines that draw with the graphics card, by their names in Blender."""

LONGEST_SECONDS = 120.0

DRAW = """
import bpy
render = bpy.context.scene.render
render.engine = "BLENDER_WORKBENCH"
render.resolution_x = render.resolution_y = 8
bpy.ops.render.render()
"""


def require_graphics(engine: str) -> None:
    """Try in another Blender process whether the render engine works; skipped for engines without graphics.

    Raises
    ------
    SjcError
        ``no_graphics``.
    """
    if engine in DRAWN and not _draws():
        raise SjcError(
            "no_graphics",
            f"{DRAWN[engine]} needs a graphics card, or a virtual screen, and Blender finds none here.",
            "Use --engine cycles.",
        )


def _draws() -> bool:
    program = bpy.app.binary_path
    if program:
        command = [program, "--background", "--factory-startup", "--python-exit-code", "1", "--python-expr", DRAW]
    else:  # Blender as a module
        command = [sys.executable, "-c", DRAW]
    options = popen_options() | dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    try:
        done = subprocess.run(command, timeout=LONGEST_SECONDS, check=False, **options)
        return done.returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
