"""A finished object edited: what the new job is, what lies in its folder, and what is refused."""

import json

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector

from sjc_blender.addon import api
from sjc_blender.addon.commands.command_line import main
from sjc_blender.addon.commands.outcome import EXIT_OK, EXIT_USAGE
from sjc_blender.addon.jobs import job_edit
from sjc_blender.addon.jobs.job import JobState
from sjc_blender.addon.results.object_frame import domain_now
from sjc_blender.addon.rigs.edit_region import region_grid
from sjc_blender.protocol import presets
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.proxy import occupancy_digest
from sjc_blender.protocol.spec import CameraRig, DomainSpec, ProxySpec
from tests.addon.evaluated_call import read
from tests.addon.jobs.checkpoints import write_checkpoint
from tests.addon.jobs.test_api import views  # noqa: F401 - a fixture


@pytest.fixture(autouse=True)
def engine(scene, fake_python, monkeypatch):
    """Let the fake engine be the engine."""
    monkeypatch.setenv("SJC_ENGINE_PYTHON", str(fake_python))


@pytest.fixture
def chair(tmp_path):
    """A finished job with settings of its own, and a checkpoint."""

    def make(**options):
        settings = {
            "model": "some/model",
            "negative_prompt": "success",
            "preset": "draft",
            "seed": 5,
            "overrides": {"optimisation": {"steps": 77}, "field": {"resolution": 16, "stages": ((0.0, 8), (0.5, 16))}},
        }
        job = api.generate("a chair", folder=tmp_path / "chair", wait=True, **settings | options)
        assert job.state is JobState.DONE
        write_checkpoint(job.folder)
        return job

    return make


@pytest.fixture
def box(scene):
    """An empty that is the upper half of the domain of a result from -1 to 1 that stands on the ground.

    The fake engine's object stands on the domain's middle, so the domain comes to lie from -1 to 1.
    """
    empty = bpy.data.objects.new("Upper Half", None)
    empty.empty_display_size = 1.0
    empty.location = (0, 0, 1)
    scene.collection.objects.link(empty)
    bpy.context.view_layer.update()
    return empty


def edit(source, *arguments, **options):
    return api.edit(source, *arguments, wait=True, **options)


def refusal(*arguments, **options):
    with pytest.raises(SjcError) as caught:
        edit(*arguments, **options)
    return caught.value


def test_a_region_is_edited_with_the_jobs_own_settings_and_a_new_prompt(chair, box, tmp_path):
    old = chair()
    job = edit(old, "a chair with a round back", region=box, folder=tmp_path / "edited")
    spec = job.folder.read_spec()
    assert (spec.prompt, spec.seed, spec.preset, spec.optimisation) == (
        "a chair with a round back",
        5,
        "draft",
        old.spec.optimisation,
    )
    assert (spec.cameras, spec.outputs) == (old.spec.cameras, old.spec.outputs)
    # Where the old result was set down; so will be the new one.
    assert spec.domain == DomainSpec(floor=0.0)
    # What is there gives way on the coarse grids that the old job had.
    assert (spec.field.resolution, spec.field.stages) == (16, old.spec.field.stages)
    assert job.folder.origin.read_bytes() == old.folder.checkpoint.read_bytes()
    assert (spec.field.origin.digest, spec.field.origin.features) == ("c" * 64, True)
    with np.load(job.folder.region) as arrays:
        filled = arrays["occupancy"]
    assert filled[:, :, 8:].all() and not filled[:, :, :8].any()
    assert spec.field.origin.region == occupancy_digest(filled.shape, filled.tobytes())
    assert job.state is JobState.DONE and job.imported


def test_a_result_that_was_moved_is_edited_where_it_stands(chair, box):
    chair()
    result = bpy.data.objects["a chair"]
    result.matrix_world = Matrix.Translation((3, 0, 0)) @ Matrix.Scale(2.0, 4)
    bpy.context.view_layer.update()
    box.location, box.empty_display_size = domain_now(result) @ Vector((0, 0, 1)), 2.0
    bpy.context.view_layer.update()
    for source in (result, "a chair"):
        job = edit(source, "a table", region=box)
        assert np.allclose(job.spec.domain.matrix_world, domain_now(result))
        assert (job.spec.domain.half_extents, job.spec.domain.floor) == ((1, 1, 1), 0.0)
        with np.load(job.folder.region) as arrays:
            assert arrays["occupancy"].mean() == 0.5


def test_without_a_region_it_is_refined_with_another_preset_and_seed(chair, views):  # noqa: F811
    old = chair(rig=views)
    spec = edit(old.folder.path, preset="standard", seed=9, overrides={"field": {"resolution": 40}}).spec
    assert (spec.prompt, spec.preset, spec.seed, spec.field.resolution) == ("a chair", "standard", 9, 40)
    assert spec.optimisation.steps == 3000 and not spec.field.origin.region
    assert isinstance(spec.cameras, CameraRig) and spec.cameras == old.spec.cameras


def test_only_what_goes_on_as_it_is_stays_on_the_finest_grid(chair, box, monkeypatch):
    old = chair()
    assert edit(old).spec.field.stages == edit(old, "a chair", region=box).spec.field.stages == ()
    assert edit(old, region=box, anew=True).spec.field.stages == old.spec.field.stages
    finer = {"field": {"resolution": 32}}
    assert edit(old, "a table", overrides=finer).spec.field.stages == ((0.0, 16), (0.5, 32))
    # Where the colours are made anew, what is opaque would hide them.
    other = {"model": "another/model", "preset": "high"}
    assert edit(old, **other).spec.field.stages == ()
    monkeypatch.setattr(job_edit, "same_samples", lambda one, another: False)
    assert edit(old, **other).spec.field.stages == ((0, 32), (0.4, 64), (0.9, 128))
    # After a job without stages they are the preset's again.
    fine = edit(old, "a red chair", model="builtin", preset="standard", overrides={"field": {"stages": []}})
    write_checkpoint(fine.folder)
    again = edit(fine, "a red car")
    assert again.spec.field.stages == presets.new_job("a red car", preset="standard").field.stages != ()


def test_of_a_model_with_other_latents_the_shape_alone_is_taken(chair, box):
    old = chair()
    spec = edit(old, "a red chair", model="builtin").spec
    assert (spec.model.source, spec.field.origin.features) == ("builtin", False)
    assert refusal(old, "a red chair", region=box, model="builtin").code == "region_other_samples"
    assert edit(old, model="another/model").spec.field.origin.features


def test_what_cannot_be_edited_is_said_and_leaves_nothing(chair, box, tmp_path):
    old, new = chair(), tmp_path / "new"
    assert refusal(old, region="nowhere", folder=new).code == "unknown_region"
    other = {"field": {"resolution": 32}}
    assert refusal(old, region=box, overrides=other, folder=new).code == "region_other_grid"
    box.location.z = 9
    bpy.context.view_layer.update()
    assert refusal(old, region=box, folder=new).code == "region_outside_domain"
    old.folder.checkpoint.write_bytes(b"nothing")
    assert refusal(old, folder=new).code == "checkpoint_corrupt"
    old.folder.checkpoint.unlink()
    assert refusal(old, folder=new).code == "no_checkpoint"
    assert refusal(tmp_path / "gone", folder=new).code == "no_job"
    assert not new.exists()


def test_a_region_may_be_a_mesh_or_a_turned_box(scene, box):
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=3, radius=0.8)
    ball = read(region_grid, bpy.context.object, DomainSpec(), 32).filled
    assert ball.mean() == pytest.approx(4 / 3 * np.pi * 0.8**3 / 8, rel=0.05)
    box.location, box.rotation_euler, box.scale = (0, 0, 0), (0, 0, np.pi / 4), (0.5, 0.25, 2)
    bpy.context.view_layer.update()
    turned = read(region_grid, "Upper Half", DomainSpec(), 64).filled
    assert turned.mean() == pytest.approx(0.5 * 0.25, rel=0.05)
    # Its long side goes from the lower left to the upper right.
    assert turned[42, 42, 0] and not turned[42, 21, 0]


def test_an_edit_can_go_on_with_more_steps(chair, box):
    job = edit(chair(), "a table", region=box)
    write_checkpoint(job.folder)
    longer = api.continue_job(job, 10, wait=True)
    for old, new in zip(job.folder.inputs, longer.folder.inputs, strict=True):
        assert old.is_file() == new.is_file() and (not old.is_file() or old.read_bytes() == new.read_bytes())
    assert longer.folder.origin.is_file() and longer.folder.region.is_file()


def test_from_a_terminal(chair, box, tmp_path, capfd):
    folder = str(chair().folder.path)
    options = ["--prompt", "a table", "--region", "Upper Half", "--steps", "12", "--out", str(tmp_path / "edited")]
    assert main(["edit", folder, *options, "--save", str(tmp_path / "out.blend"), "--json"]) == EXIT_OK
    outcome = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert outcome["state"] == "done" and len(outcome["imported"]) == 2
    spec = json.loads((tmp_path / "edited" / "job.json").read_text())
    assert (spec["prompt"], spec["seed"], spec["optimisation"]["steps"]) == ("a table", 5, 12)
    assert spec["field"]["origin"]["region"]
    assert main(["edit", folder, "--region", "nowhere"]) == EXIT_USAGE


def test_a_proxy_lies_in_the_jobs_folder_and_goes_along_with_more_steps(scene, tmp_path):
    bpy.ops.mesh.primitive_cube_add(size=1, location=(0, 0, 1))
    field = {"resolution": 16, "stages": ((0.0, 8), (0.3, 12), (0.5, 16))}
    settings = {"model": "some/model", "negative_prompt": "success", "overrides": {"field": field}}
    job = api.generate("a chair", proxy="Cube", looseness=0.3, folder=tmp_path / "job", wait=True, **settings)
    with np.load(job.folder.proxy) as arrays:
        filled = arrays["occupancy"]
    assert filled.mean() == 1 / 8
    held = job.folder.read_spec().field
    assert held.proxy == ProxySpec(occupancy_digest(filled.shape, filled.tobytes()), 0.3)
    assert held.stages == field["stages"]
    # It stays in its proxy.
    assert job.spec.domain.floor is None
    write_checkpoint(job.folder)
    assert api.continue_job(job, 5, wait=True).folder.proxy.read_bytes() == job.folder.proxy.read_bytes()


def seen(scene):
    return {obj.name for obj in scene.objects if obj.type in {"MESH", "VOLUME"} and not obj.hide_render}


def test_an_edit_takes_the_place_of_what_it_was_made_of_and_both_can_be_compared(chair, scene):
    old = chair()
    elsewhere = api.import_result(old)[1]
    elsewhere.location.x += 9
    bpy.context.view_layer.update()
    standing = bpy.data.objects[old.imported[1]]
    new = edit(standing, "a table")
    after = bpy.data.objects[new.imported[1]]
    assert seen(scene) == {after.name, elsewhere.name}
    before = api.show_side(after, "before")
    assert (before, seen(scene)) == (standing, {standing.name, elsewhere.name})
    assert bpy.context.view_layer.objects.active == standing
    # As a Volume from then on.
    api.show_as(standing, "volume")
    assert api.show_side(standing, "after").type == "VOLUME"
    assert seen(scene) == {new.imported[0], elsewhere.name}
    with pytest.raises(SjcError) as caught:
        api.show_side(elsewhere, "before")
    assert caught.value.code == "no_other_side"


def test_an_edit_hides_nothing_that_stands_elsewhere(chair, scene):
    old = chair()
    standing = bpy.data.objects[old.imported[1]]
    new = edit(old, "a table", import_results=False)
    standing.location.x += 4
    api.import_result(new)
    assert seen(scene) == {standing.name, new.imported[1]}
