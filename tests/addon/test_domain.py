"""The box of a scene object becomes the job's domain."""

import itertools
import math

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix

from sjc_blender.addon.rigs.domain import DomainFrame
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.spec import IDENTITY, JobSpec
from sjc_blender.protocol.validation import faults
from tests.addon.evaluated_call import domain_of


def add_empty(scene, **attributes):
    return _link(scene, bpy.data.objects.new("Domain", None), attributes)


def add_box(scene, low, high, **attributes):
    mesh = bpy.data.meshes.new("Box")
    mesh.from_pydata(list(itertools.product(*zip(low, high, strict=True))), [], [])
    return _link(scene, bpy.data.objects.new("Box", mesh), attributes)


def _link(scene, obj, attributes):
    scene.collection.objects.link(obj)
    for name, value in attributes.items():
        setattr(obj, name, value)
    return obj


def spec_of(obj):
    return domain_of(obj)


def corners(spec):
    """World positions of the domain's corners, sorted."""
    signs = np.array(list(itertools.product((-1, 1), repeat=3)))
    local = signs * np.array(spec.half_extents)
    matrix = np.array(spec.matrix_world)
    return _sorted(local @ matrix[:3, :3].T + matrix[:3, 3])


def world_corners(obj, low, high):
    local = np.array(list(itertools.product(*zip(low, high, strict=True))))
    matrix = np.array(obj.matrix_world)
    return _sorted(local @ matrix[:3, :3].T + matrix[:3, 3])


def _sorted(points):
    return np.array(sorted(np.round(points, 4).tolist()))


def assert_valid(spec):
    assert faults(JobSpec("a red chair", domain=spec)) == []


def test_without_an_object_it_is_the_cube_at_the_origin(scene):
    spec = spec_of(None)
    assert spec.half_extents == (1.0, 1.0, 1.0)
    assert spec.matrix_world == IDENTITY


@pytest.mark.parametrize("display", ["PLAIN_AXES", "CUBE", "SPHERE", "IMAGE"])
def test_an_empty_is_the_cube_of_its_display_size(scene, display):
    empty = add_empty(scene, empty_display_type=display, empty_display_size=2.5, location=(1, 2, 3))
    spec = spec_of(empty)
    assert spec.half_extents == (1.0, 1.0, 1.0)
    assert np.allclose(spec.matrix_world, Matrix.Translation((1, 2, 3)) @ Matrix.Scale(2.5, 4))


def test_a_rotated_unevenly_scaled_off_centre_mesh_keeps_its_box(scene):
    low, high = (0.0, -1.0, 0.5), (1.0, 3.0, 1.0)
    box = add_box(scene, low, high, location=(5, -2, 1), rotation_euler=(0.4, -0.7, 2.1), scale=(2, 0.5, 3))
    spec = spec_of(box)
    # Half sides 0.5, 2, 0.25 scaled by 2, 0.5, 3.
    assert spec.half_extents == pytest.approx((1.0, 1.0, 0.75))
    assert np.allclose(corners(spec), world_corners(box, low, high), atol=2e-4)
    assert_valid(spec)


def test_modifiers_parents_and_constraints_count(scene):
    box = add_box(scene, (-1, -1, -1), (1, 1, 1))
    array = box.modifiers.new("Array", "ARRAY")
    array.count, array.use_relative_offset, array.use_constant_offset = 2, False, True
    array.constant_offset_displace = (2, 0, 0)
    box.parent = add_empty(scene, location=(0, 0, 4), rotation_euler=(0, 0, math.pi / 2))
    target = add_empty(scene, location=(7, 0, 0))
    constraint = box.parent.constraints.new("COPY_LOCATION")
    constraint.target = target
    spec = spec_of(box)
    assert spec.half_extents == pytest.approx((1.0, 0.5, 0.5))
    # The box's own X, along which it is long, points along the world's Y.
    assert np.allclose(np.array(spec.matrix_world)[:3, 3], (7, 1, 0), atol=1e-5)
    assert np.allclose(np.array(spec.matrix_world)[:3, 0], (0, 2, 0), atol=1e-5)


@pytest.mark.parametrize("scale", [(-1, 1, 1), (1, -2, 1), (1, 1, -3), (-1, -2, -3), (-1, -1, 2)])
def test_a_mirrored_box_keeps_its_box_its_front_and_its_up(scene, scale):
    low, high = (-1, -2, -1), (1, 0, 3)
    box = add_box(scene, low, high, scale=scale, rotation_euler=(0.3, 0.2, 0.1), location=(1, 2, 3))
    spec = spec_of(box)
    assert np.allclose(corners(spec), world_corners(box, low, high), atol=2e-4)
    own = np.array(box.matrix_world)[:3, :3]
    axes = np.array(spec.matrix_world)[:3, :3]
    for axis in (1, 2):
        assert np.dot(own[:, axis], axes[:, axis]) > 0
    assert np.linalg.det(axes) > 0
    assert_valid(spec)


def test_shear_is_refused_by_name(scene):
    parent = add_empty(scene, scale=(1, 3, 1))
    box = add_box(scene, (-1, -1, -1), (1, 1, 1), rotation_euler=(0, 0, 0.5), parent=parent)
    with pytest.raises(SjcError, match="'Box' is sheared") as caught:
        spec_of(box)
    assert caught.value.code == "domain_sheared"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("low", "high", "scale", "words"),
    [
        ((-1, -1, 0), (1, 1, 0), (1, 1, 1), "flat: it has no size along its own Z"),
        ((-1, -1, -1), (1, 1, 1), (0, 1, 0), "flat: it has no size along its own X and Z"),
        ((-1, -1, -1), (1, 1, 1), (0, 0, 0), "no size"),
        ((2, 2, 2), (2, 2, 2), (1, 1, 1), "no size"),
    ],
)
def test_zero_size_is_refused_and_says_where(scene, low, high, scale, words):
    with pytest.raises(SjcError, match=words) as caught:
        spec_of(add_box(scene, low, high, scale=scale))
    assert caught.value.code == "domain_zero_size"


def test_a_mesh_without_vertices_is_refused(scene):
    mesh = bpy.data.meshes.new("Nothing")
    with pytest.raises(SjcError, match="'Nothing' has no size"):
        spec_of(_link(scene, bpy.data.objects.new("Nothing", mesh), {}))


def test_a_light_is_refused_as_a_domain(scene):
    lamp = _link(scene, bpy.data.objects.new("Lamp", bpy.data.lights.new("Lamp", "POINT")), {})
    with pytest.raises(SjcError, match="'Lamp' is a light, which has no box"):
        spec_of(lamp)


def test_the_frame_takes_the_box_to_its_corners_and_back(scene):
    spec = spec_of(add_empty(scene, empty_display_size=2, location=(4, 5, 6), rotation_euler=(0.1, 0.2, 0.3)))
    frame = DomainFrame.of(spec)
    front = frame.to_world(np.array((0.0, -1.0, 0.0)))
    assert np.allclose(front, np.array(spec.matrix_world) @ (0, -1, 0, 1) @ np.eye(4)[:, :3])
    rotation = np.array(Euler((0.1, 0.2, 0.3)).to_matrix())
    # Something that stands at the box's front and is turned as the box is.
    pose = np.array(frame.pose(rotation, front))
    assert np.allclose(pose, Matrix.Translation((0, -1, 0)), atol=1e-6)


def test_curves_texts_and_collection_instances_have_their_boxes(scene):
    bpy.ops.object.text_add()
    text = bpy.context.object
    text.data.body, text.data.extrude = "Box", 0.3
    inner = bpy.data.collections.new("Inner")
    inner.instance_offset = (1, 0, 0)
    part = bpy.data.objects.new("Part", bpy.data.meshes.new("Part"))
    part.data.from_pydata([(0, 0, 0), (4, 2, 1)], [], [])
    part.location = (1, 1, 1)
    inner.objects.link(part)
    instance = bpy.data.objects.new("Instance", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", inner
    instance.location, instance.scale = (10, 0, 0), (2, 2, 2)
    scene.collection.objects.link(instance)
    bpy.context.view_layer.update()
    assert domain_of(text).half_extents[0] == 1.0
    spec = domain_of(instance)
    assert spec.half_extents == pytest.approx((1, 0.5, 0.25))
    matrix = np.array(spec.matrix_world)
    # The part fills (0, 1, 1) to (4, 3, 2) of the instance, which is twice as large and moved.
    assert matrix[:3, 3] == pytest.approx((14, 4, 3), abs=1e-5)
    assert matrix[0, 0] == pytest.approx(4)
    inner.objects.unlink(part)
    bpy.context.view_layer.update()
    with pytest.raises(SjcError) as caught:
        domain_of(instance)
    assert caught.value.code == "domain_zero_size"
