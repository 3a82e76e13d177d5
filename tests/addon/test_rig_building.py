"""A rig that is added can be used as it is, wherever its domain stands and however it is shaped."""

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix

from sjc_blender.addon.rigs.rig import cameras_from_scene
from sjc_blender.addon.rigs.rig_building import add_domain, add_orbit_rig
from sjc_blender.protocol.profile_content import Orbit
from sjc_blender.protocol.views import direction
from tests.addon.evaluated_call import domain_of, read

ORBIT = Orbit(distance=(1.4, 1.6), elevation=(-5.0, 70.0), field_of_view=(40.0, 60.0))


def rig_of(collection, domain):
    bpy.context.view_layer.update()
    return read(cameras_from_scene, collection, domain_of(domain))


def off_centre_box(scene):
    mesh = bpy.data.meshes.new("Box")
    mesh.from_pydata([(0, 0, 0), (3, 1, 2)], [], [])
    obj = bpy.data.objects.new("Box", mesh)
    scene.collection.objects.link(obj)
    obj.rotation_euler = (0.1, 0.2, 0.7)
    obj.location = (3, 2, 1)
    return obj


@pytest.mark.parametrize("make_domain", [add_domain, off_centre_box])
@pytest.mark.parametrize("size", [(1920, 1080), (600, 800)])
def test_every_camera_can_be_used_and_looks_at_the_centre(scene, make_domain, size):
    scene.render.resolution_x, scene.render.resolution_y = size
    domain = make_domain(scene)
    rig = rig_of(add_orbit_rig(scene, domain, count=24, orbit=ORBIT), domain)
    assert len(rig.cameras) == 24
    assert rig.jitter > 0
    for camera in rig.cameras:
        pose = np.array(camera.pose)
        eye = pose[:3, 3]
        assert np.allclose(-pose[:3, 2], -eye / np.linalg.norm(eye), atol=1e-4)
        assert pose[2, 1] > 0  # upright
        # At the centre every camera shows what the orbit does: 1.5 tan(25 degrees) to each side.
        assert camera.window[1] * np.linalg.norm(eye) == pytest.approx(1.5 * np.tan(np.radians(25)), rel=1e-4)


def test_the_directions_cover_the_orbit(scene):
    domain = add_domain(scene)
    rig = rig_of(add_orbit_rig(scene, domain, count=40, orbit=ORBIT), domain)
    views = np.array([direction(tuple(row[3] for row in camera.pose[:3])) for camera in rig.cameras])
    assert views[:, 1].min() >= -5 and views[:, 1].max() <= 70
    assert views[:, 1].min() < -2 and views[:, 1].max() > 62
    quarters = np.histogram(views[:, 0] % 360, bins=8, range=(0, 360))[0]
    assert quarters.min() >= 3
    assert views[0, 0] == pytest.approx(0)  # the first one looks at the front


def test_it_follows_its_domain(scene):
    domain = add_domain(scene)
    collection = add_orbit_rig(scene, domain, count=6, orbit=ORBIT)
    before = rig_of(collection, domain)
    domain.matrix_world = Matrix.LocRotScale((5, -3, 2), Euler((0.4, 0.1, 2.0)), (3, 3, 3))
    after = rig_of(collection, domain)
    for first, second in zip(before.cameras, after.cameras, strict=True):
        assert np.allclose(first.pose, second.pose, atol=1e-5)


def test_a_box_that_is_stretched_later_keeps_its_cameras_outside(scene):
    domain = add_domain(scene)
    collection = add_orbit_rig(scene, domain, count=24, orbit=ORBIT)
    domain.scale = (0.5, 0.4, 2.0)
    domain.rotation_euler = (0.3, 0.4, 0.5)
    assert len(rig_of(collection, domain).cameras) == 24


def test_a_second_rig_leaves_the_first_alone(scene):
    domain = add_domain(scene)
    first, second = (add_orbit_rig(scene, domain, count=3, orbit=ORBIT) for _ in range(2))
    assert first.name != second.name
    assert len(first.all_objects) == len(second.all_objects) == 3
