"""The Blenders at hand: bpy in an environment of its own each."""

import os
from pathlib import Path
from typing import NamedTuple

import pytest

BUILD = Path(__file__).resolve().parents[2] / "build"


class BlenderModule(NamedTuple):
    """Blender as a Python module, in the environment that `make setup` made for it."""

    python: Path
    extension_tool: Path


BLENDERS = {
    "4.5": BlenderModule(
        BUILD / "bpy45/bin/python",
        BUILD / "bpy45/lib/python3.11/site-packages/bpy/4.5/scripts/addons_core/bl_pkg/cli/blender_ext.py",
    ),
    "5.2": BlenderModule(
        BUILD / "bpy52/bin/python",
        BUILD / "bpy52/lib/python3.13/site-packages/bpy/5.2/scripts/addons_core/bl_pkg/cli/blender_ext.py",
    ),
}


def blender(version: str) -> BlenderModule:
    """Return one Blender; where it could not be installed the test is skipped, but not in CI."""
    found = BLENDERS[version]
    if not found.extension_tool.exists() and os.environ.get("CI") != "true":
        pytest.skip(f"Blender {version} as a module is not available")
    return found
