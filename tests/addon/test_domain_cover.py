"""What stands around the domain and hides the result is found, and nothing else is."""

import bpy
import pytest

from sjc_blender.addon.rigs import domain_cover
from sjc_blender.protocol.spec import DomainSpec


def cube(size, **display):
    bpy.ops.mesh.primitive_cube_add(size=size)
    obj = bpy.context.object
    for name, value in display.items():
        setattr(obj, name, value)
    bpy.context.view_layer.update()
    return obj


def cover():
    return domain_cover.cover_of(DomainSpec(), bpy.context.view_layer)


def test_the_default_cube_covers_the_default_domain(scene):
    assert cover() is None
    default = cube(2)
    assert cover() == default
    default.hide_set(True)
    assert cover() is None


@pytest.mark.parametrize(
    ("size", "display"),
    [(1.8, {}), (20, {}), (2, {"display_type": "WIRE"}), (2, {"location": (0.1, 0, 0)})],
)
def test_what_is_smaller_or_a_room_or_transparent_or_elsewhere_covers_nothing(scene, size, display):
    cube(size, **display)
    assert cover() is None
