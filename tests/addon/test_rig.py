"""Cameras of the scene become the job's viewpoints."""

import math

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Euler, Matrix, Vector

from sjc_blender.addon.rigs.rig import cameras_from_scene, preview_camera
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.spec import DomainSpec, JobSpec
from sjc_blender.protocol.validation import faults
from tests.addon.evaluated_call import domain_of, read

POINTS = [(0.3, 0.4, 0.5), (-0.6, 0.2, -0.4), (0.0, -0.7, 0.7), (0.9, 0.9, -0.9)]


@pytest.fixture
def collection(scene):
    made = bpy.data.collections.new("Views")
    scene.collection.children.link(made)
    return made


def add_camera(collection, name="Camera", location=(0.5, -6, 2), aim=(0, 0, 0), **data):
    camera = bpy.data.cameras.new(name)
    obj = bpy.data.objects.new(name, camera)
    collection.objects.link(obj)
    obj.location = location
    obj.rotation_euler = (Vector(aim) - Vector(location)).to_track_quat("-Z", "Y").to_euler()
    for key, value in data.items():
        setattr(camera, key, value)
    return obj


def add_domain(collection, **attributes):
    empty = bpy.data.objects.new("Domain", None)
    collection.objects.link(empty)
    for name, value in attributes.items():
        setattr(empty, name, value)
    return empty


def rig_of(collection, domain=None, **options):
    spec = domain_of(domain)
    rig = read(cameras_from_scene, collection, spec, **options)
    return rig, spec


def picture_position(camera, domain, world_point):
    """Where a world point falls in the square picture of a job's camera: 0..1 from the lower left."""
    local = np.linalg.inv(domain.matrix_world) @ (*world_point, 1)
    x, y, z, _ = np.linalg.inv(camera.pose) @ local
    if camera.projection == "perspective":
        x, y = x / -z, y / -z
    left, right, bottom, top = camera.window
    return (x - left) / (right - left), (y - bottom) / (top - bottom)


def square_crop(scene, obj, world_point):
    """The same by Blender's own projection, in the centred square of the render."""
    x, y, _depth = world_to_camera_view(scene, obj, Vector(world_point))
    render = scene.render
    width = render.resolution_x * render.pixel_aspect_x
    height = render.resolution_y * render.pixel_aspect_y
    side = min(width, height)
    return (x - 0.5) * width / side + 0.5, (y - 0.5) * height / side + 0.5


def assert_same_picture(scene, collection, domain=None):
    rig, spec = rig_of(collection, domain)
    assert faults(JobSpec("a red chair", cameras=rig, domain=spec)) == []
    for camera in rig.cameras:
        for point in POINTS:
            world = tuple((np.array(spec.matrix_world) @ (*point, 1))[:3])
            ours = picture_position(camera, spec, world)
            blenders = square_crop(scene, bpy.data.objects[camera.name], world)
            assert ours == pytest.approx(blenders, abs=2e-5)


@pytest.mark.parametrize("fit", ["AUTO", "HORIZONTAL", "VERTICAL"])
@pytest.mark.parametrize("size", [(512, 512), (1920, 1080), (480, 640)])
@pytest.mark.parametrize("aspect", [(1.0, 1.0), (1.5, 1.0), (1.0, 2.0)])
def test_pictures_agree_with_blender_for_every_lens(scene, collection, fit, size, aspect):
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.render.pixel_aspect_x, scene.render.pixel_aspect_y = aspect
    lens = {"sensor_fit": fit, "sensor_width": 36, "sensor_height": 20, "shift_x": 0.13, "shift_y": -0.21}
    add_camera(collection, "Perspective", lens=31, **lens)
    add_camera(collection, "Orthographic", type="ORTHO", ortho_scale=4.5, **lens)
    bpy.context.view_layer.update()
    assert_same_picture(scene, collection)


@pytest.mark.parametrize("kind", ["PERSP", "ORTHO"])
def test_a_moved_turned_scaled_domain_changes_nothing(scene, collection, kind):
    domain = add_domain(
        collection, location=(3, -1, 2), rotation_euler=(0.3, -0.4, 1.2), scale=(2, 1, 0.5), empty_display_size=1.5
    )
    add_camera(collection, location=(-4, -9, 5), aim=(3, -1, 2), type=kind, ortho_scale=7, shift_x=0.1)
    bpy.context.view_layer.update()
    assert_same_picture(scene, collection, domain)


def test_lengths_are_in_domain_units(scene, collection):
    domain = add_domain(collection, empty_display_size=4, location=(0, 0, 1))
    add_camera(collection, "In front", location=(0, -12, 1), aim=(0, 0, 1), type="ORTHO", ortho_scale=8)
    scene.render.resolution_x = scene.render.resolution_y = 100
    bpy.context.view_layer.update()
    (camera,) = rig_of(collection, domain)[0].cameras
    assert np.allclose(np.array(camera.pose)[:3, 3], (0, -3, 0), atol=1e-6)
    assert camera.window == pytest.approx((-1, 1, -1, 1))


def test_parents_constraints_and_the_cameras_own_scale(scene, collection):
    arm = add_domain(collection, location=(0, 0, 2), rotation_euler=(0, 0, 1))
    target = bpy.data.objects.new("Target", None)
    collection.objects.link(target)
    obj = add_camera(collection, location=(0, -5, 0))
    obj.parent = arm
    obj.scale = (0.3, 0.3, 5)
    track = obj.constraints.new("TRACK_TO")
    track.target, track.track_axis, track.up_axis = target, "TRACK_NEGATIVE_Z", "UP_Y"
    bpy.context.view_layer.update()
    assert_same_picture(scene, collection)
    (camera,) = rig_of(collection)[0].cameras
    # 5 away from an arm that is 2 above the ground, turned by one radian.
    assert np.allclose(np.array(camera.pose)[:3, 3], (5 * math.sin(1), -5 * math.cos(1), 2), atol=1e-5)


def test_nested_collections_come_along_each_camera_once_in_the_order_of_names(scene, collection):
    inner = bpy.data.collections.new("Inner")
    collection.children.link(inner)
    first = add_camera(inner, "A")
    add_camera(collection, "C")
    add_camera(inner, "B")
    collection.objects.link(first)
    bpy.context.view_layer.update()
    assert [camera.name for camera in rig_of(collection)[0].cameras] == ["A", "B", "C"]


def test_weights_and_jitter(scene, collection):
    add_camera(collection, "Often")["sjc_weight"] = 3
    add_camera(collection, "Never")["sjc_weight"] = 0.0
    add_camera(collection, "Plain")
    bpy.context.view_layer.update()
    rig, _ = rig_of(collection, jitter=5.0)
    assert {camera.name: camera.weight for camera in rig.cameras} == {"Often": 3.0, "Never": 0.0, "Plain": 1.0}
    assert rig.jitter == 5.0
    collection["sjc_jitter"] = 12
    assert rig_of(collection, jitter=5.0)[0].jitter == 12.0


def test_the_orbit_is_left_to_the_model(scene):
    assert rig_of("ORBIT")[0] is None


def test_a_collection_without_cameras_is_refused(scene, collection):
    add_domain(collection)
    with pytest.raises(SjcError, match="'Views' has no cameras") as caught:
        rig_of(collection)
    assert caught.value.code == "no_cameras"


def test_weights_that_are_all_zero_are_refused(scene, collection):
    add_camera(collection)["sjc_weight"] = 0
    bpy.context.view_layer.update()
    with pytest.raises(SjcError, match="weight 0"):
        rig_of(collection)


def test_every_faulty_camera_is_named_at_once(scene, collection):
    add_camera(collection, "Good")
    add_camera(collection, "Dome", type="PANO")
    add_camera(collection, "Inside", location=(0.2, 0.1, 0.3))
    add_camera(collection, "Blind", aim=(1, -20, 2))
    add_camera(collection, "Weighty")["sjc_weight"] = "much"
    add_camera(collection, "Mirror").scale = (-1, 1, 1)
    squashed = add_camera(collection, "Sheared")
    squashed.parent = add_domain(collection, scale=(1, 4, 1))
    squashed.parent.name = "Squash"
    bpy.context.view_layer.update()
    with pytest.raises(SjcError) as caught:
        rig_of(collection)
    message = caught.value.message
    assert "6 cameras of the collection 'Views'" in message
    for words in (
        "'Dome' is panoramic",
        "'Inside' is inside the domain",
        "'Blind' does not see the domain",
        "'Weighty' has the weight 'much'",
        "'Mirror' is mirrored",
        "'Sheared' is sheared",
    ):
        assert words in message
    assert "Good" not in message


def test_a_single_faulty_camera_is_one_sentence_with_a_remedy(scene, collection):
    add_camera(collection, "Inside", location=(0.2, 0.1, 0.3))
    bpy.context.view_layer.update()
    with pytest.raises(SjcError) as caught:
        rig_of(collection)
    assert caught.value.message == "The camera 'Inside' is inside the domain."
    assert caught.value.hint.endswith("move it back or shrink the box.")


def test_a_jitter_out_of_range_is_refused(scene, collection):
    add_camera(collection)
    collection["sjc_jitter"] = 120
    bpy.context.view_layer.update()
    with pytest.raises(SjcError, match="jitter of the collection 'Views' is 120"):
        rig_of(collection)


def test_the_camera_of_a_new_file_is_too_far_away_for_a_preview(scene, collection):
    scene.render.resolution_x, scene.render.resolution_y = 1920, 1080
    scene.camera = add_camera(collection, "Camera")
    scene.camera.data.lens, scene.camera.data.sensor_width = 50.0, 36.0
    scene.camera.matrix_world = Matrix.LocRotScale(
        (7.3589, -6.9258, 4.9583), Euler((1.1093, 0.0, 0.8149)), (1.0, 1.0, 1.0)
    )
    bpy.context.view_layer.update()
    standing = DomainSpec(matrix_world=((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 1), (0, 0, 0, 1)))
    assert read(preview_camera, standing) is None, "the object would take a fifth of the picture, in a corner"


def test_the_preview_is_the_scenes_camera_where_it_sees_the_domain(scene, collection):
    def preview():
        return read(preview_camera, DomainSpec())

    assert preview() is None
    scene.camera = add_camera(collection, "Main")
    bpy.context.view_layer.update()
    assert preview().name == "Main"
    main = scene.camera.matrix_world.copy()
    lens = scene.camera.data.lens
    for far, long in ((4.0, 1.0), (1.0, 3.0)):  # a small thing far away; only a part of it
        scene.camera.matrix_world.translation = main.translation * far
        scene.camera.data.lens = lens * long
        bpy.context.view_layer.update()
        assert preview() is None, "the engine's own camera frames the domain"
    scene.camera.data.lens = lens
    scene.camera.matrix_world = Matrix.Translation((0, 0, 50))
    scene.camera.rotation_euler = (math.pi, 0, 0)
    bpy.context.view_layer.update()
    assert preview() is None
