"""Viewports show colours while that is wished for, and are as they were afterwards."""

import bpy
import pytest

from sjc_blender.addon.results import viewport_colours


@pytest.fixture
def shading(monkeypatch):
    """Give the shading of a viewport of the factory scene's window."""
    bpy.ops.wm.read_factory_settings()
    spaces = [area.spaces.active for screen in bpy.data.screens for area in screen.areas if area.type == "VIEW_3D"]
    monkeypatch.setattr(viewport_colours, "_shadings", lambda: iter([spaces[0].shading]))
    viewport_colours.forget()
    yield spaces[0].shading
    viewport_colours.an_object_forms(False)
    viewport_colours.forget()


def test_solid_shading_has_the_colours_of_vertices_and_then_what_it_had(shading):
    shading.type, shading.color_type = "SOLID", "OBJECT"
    viewport_colours.wish(True)
    assert (shading.type, shading.color_type) == ("SOLID", "VERTEX")
    viewport_colours.wish(True)
    viewport_colours.wish(False)
    assert (shading.type, shading.color_type) == ("SOLID", "OBJECT")


def test_while_an_object_forms_it_is_material_preview(shading):
    shading.type = "SOLID"
    viewport_colours.an_object_forms(True)
    assert shading.type == "SOLID", "nobody has wished for colours"
    viewport_colours.wish(True)
    assert shading.type == "MATERIAL"
    viewport_colours.an_object_forms(False)
    assert (shading.type, shading.color_type) == ("SOLID", "VERTEX")


@pytest.mark.parametrize("chosen", ["WIREFRAME", "RENDERED"])
def test_what_was_chosen_meanwhile_stays(shading, chosen):
    shading.type = "SOLID"
    viewport_colours.an_object_forms(True)
    viewport_colours.wish(True)
    shading.type = chosen
    viewport_colours.an_object_forms(False)
    viewport_colours.wish(False)
    assert shading.type == chosen
