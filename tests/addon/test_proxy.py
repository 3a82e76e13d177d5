"""A coarse shape to start from: its filled voxels against closed forms, and its way into a job's folder."""

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix

from sjc_blender.addon.rigs import rig_building
from sjc_blender.addon.rigs.proxy import filled_grid
from sjc_blender.protocol.errors import SjcError
from tests.addon.evaluated_call import domain_of, read

SIZE = 64


def grid_of(proxy, domain=None, resolution=SIZE):
    bpy.context.view_layer.update()
    return read(filled_grid, proxy, domain_of(domain), resolution)


def centres(resolution=SIZE):
    axis = (np.arange(resolution) + 0.5) * 2 / resolution - 1
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)


def overlap(filled, expected):
    filled = filled.astype(bool)
    return (filled & expected).sum() / (filled | expected).sum()


def rounded_cube(scene):
    bpy.ops.mesh.primitive_cube_add(size=1.2, location=(0.1, -0.2, 0.05))
    return bpy.context.object


def test_an_axis_aligned_cube_is_filled_to_the_voxel(scene):
    grid = grid_of(rounded_cube(scene))
    expected = (np.abs(centres() - (0.1, -0.2, 0.05)) < 0.6).all(-1)
    assert np.array_equal(grid.filled.astype(bool), expected)
    assert grid.notes == ()


@pytest.mark.parametrize("turn", [(0, 0, 0), (0.4, -0.7, 1.1)])
def test_a_sphere(scene, turn):
    bpy.ops.mesh.primitive_uv_sphere_add(segments=96, ring_count=48, radius=0.7, rotation=turn)
    grid = grid_of(bpy.context.object)
    assert overlap(grid.filled, np.linalg.norm(centres(), axis=-1) < 0.7) > 0.97


@pytest.mark.parametrize("turn", [(0, 0, 0), (0.4, -0.7, 1.1)])
def test_a_torus_keeps_its_hole(scene, turn):
    bpy.ops.mesh.primitive_torus_add(
        major_radius=0.6, minor_radius=0.25, major_segments=128, minor_segments=48, rotation=turn
    )
    p = centres() @ np.array(Euler(turn).to_matrix())
    expected = np.hypot(np.hypot(p[..., 0], p[..., 1]) - 0.6, p[..., 2]) < 0.25
    grid = grid_of(bpy.context.object)
    assert overlap(grid.filled, expected) > 0.96
    assert not grid.filled[SIZE // 2, SIZE // 2, SIZE // 2]


def test_it_is_seen_in_a_moved_turned_stretched_domain(scene):
    domain = bpy.data.objects.new("Domain", None)
    scene.collection.objects.link(domain)
    domain.matrix_world = Matrix.LocRotScale((3, -1, 2), Euler((0.3, -0.4, 1.2)), (2, 1, 0.5))
    bpy.ops.mesh.primitive_cube_add(size=2)
    cube = bpy.context.object
    # The half of the domain with x below 0, and half of that again in z.
    cube.matrix_world = domain.matrix_world @ Matrix.LocRotScale((-0.5, 0, -0.5), None, (0.5, 1, 0.5))
    grid = grid_of(cube, domain, resolution=32)
    assert grid.filled.shape == (32, 16, 8)
    expected = np.zeros((32, 16, 8))
    expected[:16, :, :4] = 1
    assert np.array_equal(grid.filled, expected)


def test_parts_that_overlap_are_one_whether_in_a_mesh_or_a_collection(scene):
    bpy.ops.mesh.primitive_cube_add(size=1, location=(-0.2, 0, 0))
    bpy.ops.mesh.primitive_cube_add(size=1, location=(0.2, 0, 0))
    first, second = scene.objects
    expected = (np.abs(centres()) < (0.7, 0.5, 0.5)).all(-1)
    together = bpy.data.collections.new("Together")
    scene.collection.children.link(together)
    for obj in (first, second):
        together.objects.link(obj)
    assert np.array_equal(grid_of(together).filled, expected)
    bpy.ops.object.select_all(action="SELECT")
    bpy.ops.object.join()
    assert np.array_equal(grid_of(bpy.context.object).filled, expected)


def test_faces_turned_inside_out_do_no_harm(scene):
    obj = rounded_cube(scene)
    expected = grid_of(obj).filled
    obj.data.flip_normals()
    assert np.array_equal(grid_of(obj).filled, expected)
    mesh = bpy.data.meshes.new("Mixed")
    corners = [tuple(v.co) for v in obj.data.vertices]
    faces = [tuple(p.vertices) if i % 2 else tuple(p.vertices)[::-1] for i, p in enumerate(obj.data.polygons)]
    mesh.from_pydata(corners, [], faces)
    obj.data = mesh
    assert np.array_equal(grid_of(obj).filled, expected)


def test_modifiers_curves_texts_and_instances_count(scene):
    bpy.ops.mesh.primitive_cube_add(size=0.5, location=(-0.5, 0, 0))
    array = bpy.context.object.modifiers.new("Two", "ARRAY")
    array.count, array.relative_offset_displace = 2, (2, 0, 0)
    twice = grid_of(bpy.context.object).filled
    assert twice.sum() == pytest.approx(2 * 16**3, rel=0.01)
    inner = bpy.data.collections.new("Inner")
    inner.objects.link(bpy.context.object)
    scene.collection.objects.unlink(bpy.context.object)
    instance = bpy.data.objects.new("Instance", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", inner
    scene.collection.objects.link(instance)
    assert np.array_equal(grid_of(instance).filled, twice)
    bpy.ops.object.text_add()
    text = bpy.context.object
    text.data.body, text.data.extrude, text.data.size = "I", 0.2, 1.5
    assert grid_of(text).filled.sum() > 500


def test_an_open_mesh_is_said_to_be_open_and_taken_as_far_as_it_goes(scene):
    obj = rounded_cube(scene)
    whole = grid_of(obj).filled.astype(bool)
    mesh = bpy.data.meshes.new("Box without lid")
    lidless = [tuple(p.vertices) for p in obj.data.polygons if p.normal.z < 0.5]
    mesh.from_pydata([tuple(v.co) for v in obj.data.vertices], [], lidless)
    obj.data = mesh
    grid = grid_of(obj)
    assert overlap(grid.filled, whole) > 0.9
    assert len(grid.notes) == 1 and "'Cube' is not closed" in grid.notes[0]
    bpy.ops.mesh.primitive_plane_add(size=1)
    sheet = grid_of(bpy.context.object).filled
    assert 0 < sheet.any(axis=(0, 1)).sum() <= 2


def test_what_sticks_out_is_cut_off_and_said(scene):
    bpy.ops.mesh.primitive_cube_add(size=2, location=(1, 0, 0))
    grid = grid_of(bpy.context.object)
    assert np.array_equal(grid.filled, centres()[..., 0] > 0)
    assert "larger than the domain" in grid.notes[0]


def test_nothing_to_start_from_is_refused(scene):
    bpy.ops.mesh.primitive_cube_add(location=(9, 0, 0))
    with pytest.raises(SjcError, match="fills no voxel") as caught:
        grid_of(bpy.context.object)
    assert caught.value.code == "proxy_outside_domain"
    with pytest.raises(SjcError, match="has no surface") as caught:
        grid_of(rig_building.add_domain(scene))
    assert caught.value.code == "proxy_without_surface"


def test_the_same_shape_has_the_same_digest_and_another_another(scene):
    obj = rounded_cube(scene)
    first = grid_of(obj)
    assert grid_of(obj).digest == first.digest
    obj.location.x += 0.1
    assert grid_of(obj).digest != first.digest
