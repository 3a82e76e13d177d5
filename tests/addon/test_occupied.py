"""What takes the place of an object is found, said, and hidden or stepped aside from; nothing else is."""

import bpy
import pytest
from mathutils import Matrix

from sjc_blender.addon.rigs import occupied
from sjc_blender.addon.rigs.domain import standing_box
from sjc_blender.protocol.spec import DomainSpec


def cube(size, **options):
    bpy.ops.mesh.primitive_cube_add(size=size)
    obj = bpy.context.object
    for name, value in options.items():
        setattr(obj, name, value)
    bpy.context.view_layer.update()
    return obj


def there(domain=None, **options):
    return occupied.in_the_way(domain or DomainSpec(), bpy.context.view_layer, **options)


def test_the_default_cube_stands_in_the_box_that_stands_on_the_ground(scene):
    box = standing_box(scene)
    assert there(box) == []
    default = cube(2)
    assert there(box) == [default]
    assert there(box, apart=[default]) == []
    occupied.hide(default, bpy.context.view_layer)
    assert there(box) == []
    assert default.hide_render, "it is not in the picture either"


@pytest.mark.parametrize(
    ("size", "options"),
    [
        (0.4, {}),
        (20, {}),
        (2, {"display_type": "WIRE"}),
        (2, {"location": (1.9, 0, 0)}),
        (2, {"scale": (40, 40, 0), "location": (0, 0, -1)}),
        (2, {"hide_viewport": True}),
        (2, {"sjc": "live"}),
    ],
    ids=["a cushion", "a room", "transparent", "elsewhere", "a floor", "hidden", "the live volume"],
)
def test_what_does_not_take_the_place_is_not_named(scene, size, options):
    guest = options.pop("sjc", None)
    obj = cube(size, **options)
    if guest:
        obj["sjc_live"] = guest
    assert there() == []


def test_a_thin_thing_as_tall_as_the_domain_is_named(scene):
    lamp = cube(1, scale=(0.1, 0.1, 1.8))
    assert there() == [lamp]


def test_what_takes_most_comes_first(scene):
    small, large = cube(1.2), cube(1.9)
    assert there() == [large, small]
    assert there(apart=[large]) == [small]


def test_it_is_looked_for_in_a_domain_that_is_turned_and_scaled(scene):
    matrix = Matrix.Translation((5, 0, 0)) @ Matrix.Rotation(0.7, 4, "Z") @ Matrix.Scale(3, 4)
    domain = DomainSpec(matrix_world=tuple(map(tuple, matrix)))
    assert there(domain) == []
    crate = cube(4, location=(5, 0, 0))
    assert there(domain) == [crate]


def test_beside_is_the_first_place_along_x_where_nothing_stands_nor_will(scene):
    box = standing_box(scene)
    cube(2)
    cube(2, location=(2.5, 0, 1))
    layer = bpy.context.view_layer
    beside = occupied.beside(box, layer)
    assert beside.matrix_world[0][3] == 5.0
    assert beside.floor == box.floor
    assert occupied.beside(box, layer, [beside]).matrix_world[0][3] == 7.5


def test_what_was_found_is_forgotten_when_it_is_hidden_or_gone(scene):
    default, layer = cube(2), bpy.context.view_layer
    occupied.note("job1", DomainSpec(), scene)
    assert occupied.still_there("job1", layer) == default
    default.hide_set(True)
    assert occupied.still_there("job1", layer) is None
    default.hide_set(False)
    bpy.data.objects.remove(default)
    assert occupied.still_there("job1", layer) is None
    assert occupied.still_there("another", layer) is None
