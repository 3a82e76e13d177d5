"""What the add-on's tests share: an empty scene for each."""

import bpy
import pytest


@pytest.fixture
def scene():
    """Give the one scene of an empty, unsaved file."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene
