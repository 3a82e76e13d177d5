"""Guides from the scene into a job's folder, and on into the jobs that go on from that one."""

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from sjc_blender.addon import api
from sjc_blender.addon.jobs import job_edit, scene_view
from sjc_blender.addon.rigs import guide as guides
from sjc_blender.protocol.errors import InvalidSpec, SjcError
from sjc_blender.protocol.guide import guide_digest
from sjc_blender.protocol.spec import GuideSpec
from tests.addon.jobs.checkpoints import write_checkpoint
from tests.addon.jobs.test_edit import engine  # noqa: F401 - a fixture, for all tests here

MODEL = {"model": "some/model", "negative_prompt": "success"}
GUIDED = {**MODEL, "guide": "Cone", "control": "some/depth"}


@pytest.fixture
def cone(scene):
    """A cone whose side is not closed, in the default domain; an array modifier makes two of it."""
    bpy.ops.mesh.primitive_cone_add(radius1=0.3, depth=0.5, end_fill_type="NOTHING", location=(0, 0, 1))
    cone = bpy.context.object
    array = cone.modifiers.new("Two", "ARRAY")
    array.use_relative_offset, array.use_constant_offset, array.constant_offset_displace = False, True, (0.5, 0, 0)
    bpy.context.view_layer.update()
    return cone


def read(folder):
    with np.load(folder.guide, allow_pickle=False) as arrays:
        return arrays["vertices"], arrays["triangles"]


def test_the_triangles_lie_in_the_jobs_folder_in_the_domains_units(cone, scene, tmp_path):
    box = bpy.data.objects.new("Box", None)
    box.empty_display_type, box.empty_display_size = "CUBE", 1.0
    box.matrix_world = Matrix.Translation((0, 0, 1)) @ Matrix.Rotation(0.5, 4, "Z") @ Matrix.Scale(2.0, 4)
    scene.collection.objects.link(box)
    job = api.generate("a chair", domain=box, guide_strength=0.5, folder=tmp_path / "job", **GUIDED)
    vertices, triangles = read(job.folder)
    assert (vertices.dtype, triangles.dtype) == (np.float32, np.int32) and len(triangles) == 2 * 32
    held = job.folder.read_spec()
    assert held.guide == GuideSpec(guide_digest(vertices.tobytes(), triangles.tobytes()), 0.5)
    assert held.model.control == "some/depth"
    # It stays with its guide.
    assert held.domain.floor is None
    evaluated = cone.evaluated_get(bpy.context.evaluated_depsgraph_get())
    world = np.array([cone.matrix_world @ vertex.co for vertex in evaluated.data.vertices])
    placed = np.linalg.inv(np.array(box.matrix_world)) @ np.concatenate([world, np.ones((len(world), 1))], axis=1).T
    np.testing.assert_allclose(vertices, placed[:3].T, atol=1e-6)


def test_a_collection_is_one_guide(cone, scene, tmp_path):
    bpy.ops.mesh.primitive_cube_add(size=0.4, location=(0, 0, 0.5))
    both = bpy.data.collections.new("Both")
    scene.collection.children.link(both)
    both.objects.link(cone), both.objects.link(bpy.context.object)
    job = api.generate("a chair", folder=tmp_path / "job", **{**GUIDED, "guide": "Both"})
    assert len(read(job.folder)[1]) == 2 * 32 + 12


def test_a_guide_goes_along_with_more_steps_and_with_an_edit(cone, tmp_path):
    job = api.generate("a chair", folder=tmp_path / "job", wait=True, **GUIDED)
    write_checkpoint(job.folder)
    more = api.continue_job(job, 5, wait=True)
    assert more.spec.guide == job.spec.guide and more.folder.guide.read_bytes() == job.folder.guide.read_bytes()
    for number, changes in enumerate(({}, {"preset": "draft"}, {"model": "some/model", "preset": "draft"})):
        edited = api.edit(job, "a table", folder=tmp_path / f"edit{number}", **changes)
        assert (edited.spec.guide, edited.spec.model.control) == (job.spec.guide, "some/depth")
        assert edited.folder.guide.read_bytes() == job.folder.guide.read_bytes()
        assert not edited.warnings


def test_an_edit_with_another_model_leaves_the_guide_out_and_says_so(cone, tmp_path):
    job = api.generate("a chair", folder=tmp_path / "job", wait=True, **GUIDED)
    write_checkpoint(job.folder)
    other = api.edit(job, "a table", model="other/model", folder=tmp_path / "other")
    assert (other.spec.guide, other.spec.model.control) == (None, "")
    assert not other.folder.guide.exists() and job_edit.WITHOUT_GUIDE in other.warnings
    control = {"model.control": "other/depth"}
    kept = api.edit(job, "a table", model="other/model", overrides=control, folder=tmp_path / "kept")
    assert (kept.spec.guide, kept.spec.model.control) == (job.spec.guide, "other/depth")
    assert kept.folder.guide.exists() and not kept.warnings
    dropped = {"guide": None, "model.control": ""}
    without = api.edit(job, "a table", overrides=dropped, folder=tmp_path / "without")
    assert without.spec.guide is None and not without.folder.guide.exists()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"guide": "Nothing"}, "unknown_guide"),
        ({"guide": 7}, "unknown_guide"),
        ({"guide": "Empty"}, "guide_without_surface"),
        ({"guide": "Away"}, "guide_outside_domain"),
        ({"control": ""}, "invalid_spec"),
        ({"guide": None}, "invalid_spec"),
        ({"guide_strength": 0.0}, "invalid_spec"),
        ({"control": "some/net"}, "invalid_spec"),
        ({"guide_picture": "pose"}, "invalid_spec"),
    ],
)
def test_what_cannot_guide_is_refused_and_leaves_nothing(cone, scene, tmp_path, changes, code):
    scene.collection.objects.link(bpy.data.objects.new("Empty", None))
    bpy.ops.mesh.primitive_cube_add(size=1, location=(9, 0, 0))
    bpy.context.object.name = "Away"
    bpy.context.view_layer.update()
    with pytest.raises(SjcError) as caught:
        api.generate("a chair", folder=tmp_path / "job", **{**GUIDED, **changes})
    assert caught.value.code == code and not (tmp_path / "job").exists()


def test_a_guide_without_its_network_is_explained(cone, tmp_path):
    with pytest.raises(InvalidSpec, match=r"model\.control.*a ControlNet, which"):
        api.generate("a chair", folder=tmp_path / "job", **{**GUIDED, "control": ""})
    with pytest.raises(InvalidSpec, match=r"model\.control.*name the objects"):
        api.generate("a chair", folder=tmp_path / "job", **{**GUIDED, "guide": None})


def test_a_guide_of_too_many_triangles_is_refused(cone, tmp_path, monkeypatch):
    monkeypatch.setattr(guides, "MOST_TRIANGLES", 63)
    with pytest.raises(SjcError, match="has 64 triangles; at most 63") as caught:
        api.generate("a chair", folder=tmp_path / "job", **GUIDED)
    assert "Decimate" in caught.value.hint


def test_what_is_outside_of_the_domain_is_said(cone, tmp_path):
    cone.location.x = 0.9
    bpy.context.view_layer.update()
    job = api.generate("a chair", folder=tmp_path / "job", **GUIDED)
    assert any("is larger than the domain" in warning for warning in job.warnings)


def test_rows_have_guides_of_their_own_and_faults_in_their_columns(cone, scene, tmp_path):
    bpy.ops.mesh.primitive_cube_add(size=0.4, location=(0, 0, 1))
    rows = [{"prompt": "a"}, {"prompt": "b", "guide": "Cube", "guide_strength": 0.25, "control": "other/net"}]
    rows[1]["guide_picture"] = "normal"
    batch = api.batch(rows, start=False, folder=tmp_path / "batch", **GUIDED)
    first, second = (entry.planned.spec for entry in batch.entries)
    assert (first.guide.strength, first.model.control) == (1.0, "some/depth")
    assert (second.guide.strength, second.guide.picture, second.model.control) == (0.25, "normal", "other/net")
    assert first.guide.digest != second.guide.digest
    for row, column in (
        ({"guide": "Nothing"}, "guide"),
        ({"guide_strength": 3}, "guide_strength"),
        ({"guide_picture": "pose"}, "guide_picture"),
        ({"control": "some/net"}, "control"),
        ({"edit": str(tmp_path / "gone"), "guide": "Cone"}, "guide"),
    ):
        with pytest.raises(SjcError, match=f"row 1, column {column}"):
            api.batch([{"prompt": "a", **row}], start=False, **GUIDED)
    with pytest.raises(SjcError, match=r"column control: .*a ControlNet, which"):
        api.batch([{"prompt": "a", "guide": "Cone"}], start=False, **MODEL)


def test_the_guide_of_a_scene_is_looked_at_once(cone, tmp_path, monkeypatch):
    looked = []
    look = scene_view.guide_mesh
    monkeypatch.setattr(scene_view, "guide_mesh", lambda *told: looked.append(told) or look(*told))
    api.batch(["a", "b"], seeds=(1, 2), start=False, folder=tmp_path / "batch", **GUIDED)
    assert len(looked) == 1
