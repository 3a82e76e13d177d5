"""A surface becomes a mesh object with its colours, at the domain's place."""

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix, Vector

from sjc_blender.addon.results.import_mesh import import_mesh
from sjc_blender.addon.results.import_volume import import_volume
from sjc_blender.addon.results.object_frame import domain_now
from sjc_blender.addon.results.remesh import cut_of
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.spec import DomainSpec, JobSpec

PLACE = Matrix.LocRotScale((3, -1, 2), Euler((0.3, -0.5, 1.1)), (2.5, 2.5, 2.5))
VERTICES = np.float32([[0, 0, 0], [1, 0, 0], [0, 0.6, 0], [0, 0, 0.3]])
FACES = np.int32([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


@pytest.fixture
def arrays():
    outward = VERTICES - VERTICES.mean(axis=0)
    return {
        "vertices": VERTICES,
        "faces": FACES,
        "normals": outward / np.linalg.norm(outward, axis=1, keepdims=True),
        "colours": np.float32([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.2, 0.5, 0.03]]),
    }


@pytest.fixture
def placed():
    return JobSpec("a red chair", seed=7, preset="draft", domain=DomainSpec(matrix_world=tuple(map(tuple, PLACE))))


def test_vertices_faces_and_place(scene, finished_job, arrays, placed):
    obj = import_mesh(finished_job(placed, mesh=arrays), scene)
    bpy.context.view_layer.update()
    mesh = obj.data
    assert np.allclose(
        [obj.matrix_world @ vertex.co for vertex in mesh.vertices], [PLACE @ Vector(v) for v in VERTICES]
    )
    assert [tuple(face.vertices) for face in mesh.polygons] == [tuple(face) for face in FACES]
    assert len(mesh.edges) == 6
    assert np.allclose(domain_now(obj), PLACE, atol=1e-5)
    assert not mesh.validate()


def test_faces_look_outwards(scene, finished_job, arrays):
    mesh = import_mesh(finished_job(mesh=arrays), scene).data
    middle = np.mean([vertex.co for vertex in mesh.vertices], axis=0)
    assert all(np.dot(face.normal, np.array(face.center) - middle) > 0 for face in mesh.polygons)


def test_shading_is_smooth(scene, finished_job, arrays):
    mesh = import_mesh(finished_job(mesh=arrays), scene).data
    assert all(face.use_smooth for face in mesh.polygons)


def test_quads_stay_quads(scene, finished_job, arrays):
    arrays |= {"faces": np.int32([[0, 2, 3, 1]])}
    (face,) = import_mesh(finished_job(mesh=arrays), scene).data.polygons
    assert tuple(face.vertices) == (0, 2, 3, 1)


def test_colours_are_linear_and_the_material_shows_them(scene, finished_job, arrays):
    mesh = import_mesh(finished_job(mesh=arrays), scene).data
    attribute = mesh.color_attributes.active_color
    assert (attribute.name, attribute.domain, attribute.data_type) == ("Color", "POINT", "FLOAT_COLOR")
    assert np.allclose([item.color for item in attribute.data], np.insert(arrays["colours"], 3, 1, axis=1))
    base = mesh.materials[0].node_tree.nodes["Principled BSDF"].inputs["Base Color"]
    assert base.links[0].from_node.layer_name == "Color"


def test_it_knows_how_it_was_made_and_is_selected(scene, finished_job, arrays, placed):
    obj = import_mesh(finished_job(placed, mesh=arrays), scene)
    assert (obj["sjc_prompt"], obj["sjc_seed"], obj["sjc_job"]) == ("a red chair", 7, "job1")
    assert bpy.context.view_layer.objects.active == obj


def test_both_results_of_a_job_stand_in_one_place(scene, finished_job, small_field, arrays, placed):
    earlier = import_mesh(finished_job(mesh=arrays, name="earlier"), scene)
    folder = finished_job(placed, field=small_field, mesh=arrays)
    volume, mesh = import_volume(folder, scene), import_mesh(folder, scene)
    bpy.context.view_layer.update()
    assert volume.matrix_world == mesh.matrix_world
    assert bpy.context.selected_objects == [mesh]
    assert not earlier.select_get()
    assert len({volume.name, mesh.name, earlier.name}) == 3


def test_a_broken_mesh_leaves_nothing(scene, finished_job, arrays):
    with pytest.raises(SjcError):
        import_mesh(finished_job(mesh={**arrays, "faces": FACES + 1}), scene)
    assert len(bpy.data.objects) == len(bpy.data.meshes) == len(bpy.data.materials) == 0


def test_the_threshold_that_the_job_found_is_what_the_slider_shows(finished_job, arrays, scene):
    folder = finished_job(mesh=arrays | {"threshold": np.float64(0.41)})
    assert cut_of(import_mesh(folder, scene)).threshold == pytest.approx(0.41)
