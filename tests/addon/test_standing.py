"""A result stands: origin at its feet, no scale of its own; on the floor, or where its cameras saw it."""

import dataclasses

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix, Vector

from sjc_blender.addon import api
from sjc_blender.addon.jobs.scene_view import SceneView
from sjc_blender.addon.results.import_mesh import import_mesh
from sjc_blender.addon.results.import_volume import import_volume
from sjc_blender.addon.results.object_frame import ObjectFrame, domain_now, frame_of
from sjc_blender.addon.rigs.rig_building import add_domain, add_orbit_rig
from sjc_blender.protocol.spec import DomainSpec, JobSpec, OutputSpec

CURSOR = (2.0, -1.0, 0.25)
LOW = -0.4
VOXEL = 0.125


def table(low=LOW, high=0.1):
    """A block in domain units, off the middle."""
    corners = np.float32([(x, y, z) for x in (-0.2, 0.6) for y in (-0.3, 0.3) for z in (low, high)])
    faces = np.int32([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
    return {"vertices": corners, "faces": faces, "normals": corners, "colours": np.ones_like(corners)}


def block():
    """The field of a block, solid between -0.5 and 0.25 along each axis."""
    at = np.arange(-1, 1, VOXEL) + VOXEL / 2
    solid = (at > -0.5) & (at < 0.25)
    density = 60.0 * (solid[:, None, None] & solid[:, None] & solid).astype(np.float32)
    return {
        "density": density,
        "rgb": np.full((*density.shape, 3), 0.5, np.float32),
        "half_extents": np.ones(3),
        "voxel_size": np.float64(VOXEL),
        "matrix_world": np.eye(4),
        "version": np.int64(1),
    }


def corners(obj):
    bpy.context.view_layer.update()
    return np.array([(obj.matrix_world @ Vector(corner))[:] for corner in obj.bound_box])


def spec_for(scene, domain=None, rig="ORBIT"):
    return JobSpec("a table", preset="draft", domain=SceneView(scene).surroundings(rig, domain, 0.0).domain)


def test_where_nobody_chose_the_box_and_the_object_stand_on_the_cursor(scene, finished_job):
    scene.cursor.location = CURSOR
    spec = spec_for(scene)
    assert np.allclose(Matrix(spec.domain.matrix_world).translation, (2, -1, 1.25))
    obj = import_mesh(finished_job(spec, mesh=table()), scene)
    assert corners(obj)[:, 2].min() == pytest.approx(0.25)
    # Its middle stays where the box has it; only its height changes.
    assert np.allclose(corners(obj).mean(axis=0)[:2], (2.2, -1))
    assert np.allclose(obj.location, (2.2, -1, 0.25))
    assert tuple(obj.scale) == (1, 1, 1)


def test_a_chosen_domain_keeps_the_object_where_it_was_seen(scene, finished_job):
    empty = add_domain(scene)
    empty.matrix_world = Matrix.LocRotScale((3, 1, 5), Euler((0.3, -0.5, 1.1)), (1.5, 1.5, 1.5))
    spec = spec_for(scene, empty)
    obj = import_mesh(finished_job(spec, mesh=table()), scene)
    bpy.context.view_layer.update()
    seen = [Matrix(spec.domain.matrix_world) @ Vector(vertex) for vertex in table()["vertices"]]
    assert np.allclose([obj.matrix_world @ vertex.co for vertex in obj.data.vertices], seen, atol=1e-5)
    assert tuple(obj.scale) == (1, 1, 1)
    foot = Matrix(spec.domain.matrix_world) @ Vector((0.2, 0, LOW))
    assert np.allclose(obj.location, foot, atol=1e-5)


def test_chosen_cameras_keep_the_object_where_they_saw_it(scene, finished_job):
    scene.cursor.location = (0, 0, -1)
    rig = add_orbit_rig(scene, add_domain(scene), count=3)
    scene.cursor.location = (9, 9, 9)
    spec = spec_for(scene, None, rig)
    assert spec.domain == DomainSpec()
    obj = import_mesh(finished_job(spec, mesh=table()), scene)
    assert corners(obj)[:, 2].min() == pytest.approx(LOW)


def test_the_domain_that_is_added_is_the_box_that_stands_there_anyway(scene):
    scene.cursor.location = CURSOR
    before = spec_for(scene).domain
    after = spec_for(scene, add_domain(scene)).domain
    assert after == dataclasses.replace(before, floor=None)


def test_mesh_and_volume_have_one_frame_and_stand_in_one_place(scene, finished_job):
    folder = finished_job(spec_for(scene), field=block(), mesh=table())
    mesh, volume = import_mesh(folder, scene), import_volume(folder, scene)
    assert frame_of(mesh) == frame_of(volume) == ObjectFrame((pytest.approx(0.2), 0, pytest.approx(LOW)), 1.0)
    assert mesh.matrix_world == volume.matrix_world


def test_without_a_mesh_a_volume_has_the_feet_of_the_surface_that_would_be_cut(scene, finished_job):
    volume = import_volume(finished_job(spec_for(scene), field=block()), scene)
    later = api.show_as(volume, "mesh")
    assert frame_of(later) == frame_of(volume)
    assert frame_of(volume).foot[2] == pytest.approx(-0.5, abs=VOXEL)
    assert corners(later)[:, 2].min() == pytest.approx(0, abs=1e-5)


def test_haze_without_a_surface_has_feet_too(scene, finished_job):
    arrays = block()
    arrays["density"] /= 1000
    spec = dataclasses.replace(spec_for(scene), outputs=OutputSpec(mesh=False, mesh_threshold=0.9))
    volume = import_volume(finished_job(spec, field=arrays), scene)
    assert frame_of(volume).foot == pytest.approx((-0.125, -0.125, -0.5))


def test_cut_anew_it_stays_on_its_feet(scene, finished_job):
    folder = finished_job(spec_for(scene), field=block())
    (obj,) = api.import_result(folder.path, outputs="mesh")
    obj.location.x += 3
    before = corners(obj)
    api.remesh(obj, 0.4)
    assert np.allclose(corners(obj), before, atol=0.1)
    assert frame_of(obj).foot[2] == pytest.approx(-0.5, abs=VOXEL)


def test_a_result_of_an_early_release_is_in_domain_units(scene, finished_job):
    obj = import_mesh(finished_job(mesh=table()), scene)
    for told in (None, "nonsense", [1.0, 2.0], [0.0, 0.0, 0.0, -1.0]):
        obj.pop("sjc_frame", None)
        if told is not None:
            obj["sjc_frame"] = told
        assert frame_of(obj) == ObjectFrame()
        assert domain_now(obj) == obj.matrix_world


def test_it_comes_into_the_active_collection(scene, finished_job):
    props = bpy.data.collections.new("Props")
    scene.collection.children.link(props)
    layer = bpy.context.view_layer
    layer.active_layer_collection = layer.layer_collection.children["Props"]
    assert import_mesh(finished_job(mesh=table()), scene).users_collection == (props,)
    layer.active_layer_collection.exclude = True
    assert import_mesh(finished_job(mesh=table(), name="job2"), scene).users_collection == (scene.collection,)
