"""A job that starts from another one's field: what is outside the region stays, what is inside follows the prompt."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch

from sjc_blender.engine import checkpoint
from sjc_blender.engine.commands import cli
from sjc_blender.engine.job import run_job
from sjc_blender.engine.optimisation.sjc import ScoreJacobianChaining
from sjc_blender.engine.optimisation.starting_point import prepare
from sjc_blender.engine.radiance.field import VoxelField, before_activation
from sjc_blender.engine.radiance.field_origin import coarse_density, coarse_features, start_from_origin
from sjc_blender.engine.radiance.kept_field import KeptField
from sjc_blender.engine.radiance.proxy import INSIDE, OUTSIDE
from sjc_blender.engine.radiance.resampling import resample_parameters
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.protocol import presets
from sjc_blender.protocol.checkpoint_content import checkpoint_content
from sjc_blender.protocol.errors import InvalidSpec, SjcError
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.proxy import occupancy_digest
from sjc_blender.protocol.spec import OriginSpec
from tests.engine import test_sjc
from tests.engine.test_sjc import BOX, closed_form_run, known_shape, likeness, voxel_centres

SHAPE = (12, 6, 9)


def region_of(shape=SHAPE):
    """A corner of the box."""
    filled = np.zeros(shape, np.uint8)
    filled[shape[0] // 2 :, :, shape[2] // 2 :] = 1
    return filled


@pytest.fixture
def job(tiny_pipeline, tmp_path):
    def make(name, prompt="a red chair", field=None, **optimisation):
        spec = presets.new_job(
            prompt,
            preset="paper",  # One grid throughout.
            model=str(tiny_pipeline("v_prediction")),
            domain={"half_extents": BOX},
            field={"resolution": 12, **(field or {})},
            optimisation={"steps": 8, "guidance_scale": 3.0, "background_learning_rate": 0.1, **optimisation},
            outputs={"mesh": False, "colour_views": 4},
        )
        return JobFolder.create(tmp_path / name, spec)

    return make


def run(folder, *stops):
    answers = iter([*stops, *[False] * 50])
    run_job(folder, lambda event: None, lambda: next(answers))
    return checkpoint.load(folder.checkpoint, folder.read_spec())[1]


@pytest.fixture
def source(job):
    """A finished job."""
    folder = job("source")
    return folder, run(folder)


@pytest.fixture
def edit(job, source):
    def make(name, region=None, prompt="a blue duck", field=None, features=True, anew=False, **optimisation):
        digest = "" if region is None else occupancy_digest(region.shape, region.tobytes())
        origin = OriginSpec(checkpoint_content(source[0].checkpoint), digest, features, anew)
        folder = job(name, prompt, {"origin": origin, **(field or {})}, **optimisation)
        shutil.copyfile(source[0].checkpoint, folder.origin)
        if region is not None:
            np.savez_compressed(folder.region, version=1, occupancy=region)
        return folder

    return make


def bits(tensor):
    return tensor.contiguous().numpy().tobytes()


@pytest.mark.parametrize(
    ("field", "sharpened"),
    [
        ({"renderer": "fused"}, {}),
        ({"renderer": "torch"}, {}),
        ({}, {"sharpening": 8.0, "sharpening_start": 1.0}),
        ({"stages": ((0.0, 8), (0.5, 12))}, {"sharpening": 8.0, "sharpening_start": 0.5}),
    ],
)
def test_outside_the_region_every_bit_stays_and_inside_the_field_moves(source, edit, field, sharpened):
    before = source[1]
    after = run(edit("edited", region_of(), field=field, **sharpened))
    free = torch.from_numpy(region_of()).bool()
    for name in ("density_grid", "feature_grid"):
        old, new = before[f"field.{name}"], after[f"field.{name}"]
        assert bits(old[:, ~free]) == bits(new[:, ~free])
        assert (old[:, free] != new[:, free]).float().mean() > 0.9
    for name in ("density_scale", "background_texture.texels"):
        assert bits(before[f"field.{name}"]) == bits(after[f"field.{name}"])


def test_a_region_may_begin_as_a_field_does(source, edit):
    folder = edit("anew", region_of(), anew=True)
    spec = folder.read_spec()
    model = load_score_model(spec.model)
    begun = ScoreJacobianChaining(spec, model, conditioner=None)
    plain = begun.field.feature_grid.detach().clone()
    prepare(begun, folder)
    free = torch.from_numpy(region_of()).bool()
    assert (begun.field.density_grid[:, free] == 0).all()
    assert torch.equal(begun.field.feature_grid[:, free], plain[:, free])
    after = run(folder)
    for name in ("density_grid", "feature_grid"):
        assert bits(source[1][f"field.{name}"][:, ~free]) == bits(after[f"field.{name}"][:, ~free])


def test_there_must_be_a_region_to_begin_anew(edit):
    with pytest.raises(InvalidSpec, match=r"field\.origin\.anew"):
        edit("anew", anew=True)


def test_the_time_of_an_edit_is_told_before_it_runs(edit, capsys):
    folder = edit("timed", region_of(), steps=30)
    assert cli.main(["forecast", str(folder.path), "--probe", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["seconds"] > 0


@pytest.mark.parametrize("field", [{}, {"stages": ((0.0, 8), (0.6, 12))}])
def test_an_edit_that_was_cancelled_goes_on_bit_by_bit(edit, field):
    whole, stopped = edit("whole", region_of(), field=field), edit("stopped", region_of(), field=field)
    run(whole)
    run_job(stopped, lambda event: None, iter([False, False, True]).__next__)
    run(stopped)
    assert stopped.checkpoint.read_bytes() == whole.checkpoint.read_bytes()


def test_without_a_region_a_job_starts_from_the_whole_field(source, edit):
    folder = edit("refined", learning_rate=0.0, background_learning_rate=0.0)
    after = run(folder)
    names = [name for name in after if name.startswith("field.")]
    assert all(torch.equal(after[name], source[1][name]) for name in names)
    moved = run(edit("moved"))
    assert not torch.equal(moved["field.background_texture.texels"], after["field.background_texture.texels"])


@pytest.mark.parametrize("how", [{}, {"stages": ((0.0, 8), (0.3, 16), (0.7, 32))}])
def test_the_edited_part_follows_its_pictures_and_the_rest_is_there_still(monkeypatch, how):
    """The tower of the known shape is taken away by pictures of the shape without it."""
    first, solid = closed_form_run(BOX, 32, steps=300)
    places = voxel_centres(BOX, 32) / torch.tensor(BOX)
    tower = ((places - torch.tensor([-0.3125, 0.0, 0.25])).abs() < torch.tensor([0.3125, 0.5, 0.25])).all(-1)

    def without_tower(half_extents, resolution):
        solid, colour = known_shape(half_extents, resolution)
        p = voxel_centres(half_extents, resolution) / torch.tensor(half_extents)
        cut = ((p - torch.tensor([-0.3125, 0.0, 0.25])).abs() < torch.tensor([0.3125, 0.5, 0.25])).all(-1)
        return solid & ~cut, colour

    monkeypatch.setattr(test_sjc, "known_shape", without_tower)

    def begin(sjc):
        start_from_origin(sjc.field, first.field, features=True, background=True)
        sjc.kept = KeptField(first.field, tower)

    edited, wanted = closed_form_run(BOX, 32, steps=200, begin=begin, **how)
    assert torch.equal(edited.field.density_grid[0][~tower], first.field.density_grid[0][~tower])
    assert likeness(edited, wanted) > likeness(first, wanted) + 0.05
    density, was = (run.field.density_at_voxels()[tower & solid].mean().item() for run in (edited, first))
    assert density < 0.2 * was


def steep_field(resolution=12, scale=3.0):
    """A wall that fills a third of the box, as opaque as sharpening makes it."""
    field = VoxelField(BOX, resolution, 4)
    with torch.no_grad():
        field.density_scale.fill_(scale)
        field.density_grid.fill_(-30.0)
        field.density_grid[:, : resolution // 3] = 15.0
        field.feature_grid[:, : resolution // 3] = 2.0
    return field


def test_on_a_coarser_grid_an_opaque_density_can_give_way_again():
    old, new = steep_field(), VoxelField(BOX, 6, 4)
    start_from_origin(new, old, features=True, background=True)
    density = new.density_at_voxels()
    assert new.density_scale.item() == 0
    torch.testing.assert_close(density[:2], torch.full_like(density[:2], INSIDE))
    torch.testing.assert_close(density[2:], torch.full_like(density[2:], OUTSIDE))
    torch.testing.assert_close(new.feature_grid[:, :2], torch.full_like(new.feature_grid[:, :2], 2.0))


def test_a_thin_wall_is_fainter_on_a_coarser_grid_and_keeps_its_colour():
    old = steep_field()
    with torch.no_grad():
        old.density_grid[:, 1:4] = -30.0
    density, features = (make(old, (6, 3, 4)) for make in (coarse_density, coarse_features))
    new = torch.nn.functional.softplus(density - 1.0)
    torch.testing.assert_close(new[:, 0], torch.full_like(new[:, 0], (INSIDE + OUTSIDE) / 2))
    assert (features[:, 0] - 2.0).abs().max() < 0.1


def test_what_is_kept_does_not_move_the_scale_and_the_density_goes_over_to_the_old_one():
    old = steep_field()
    region = torch.zeros(12, 6, 9)
    region[6:] = 1
    kept, field = KeptField(old, region), VoxelField(BOX, 6, 4)
    start_from_origin(field, old, features=True, background=True)
    with torch.no_grad():
        field.density_grid[:, 3:] = 0.5
    # Of what the kept half asks for, d_scale must hear nothing.
    field.density_at_voxels().sum().backward()
    kept.leave_out(field)
    raw = field.raw_density_grid()[0, 3:]
    torch.testing.assert_close(field.density_scale.grad, (torch.sigmoid(raw - 1.0) * raw).sum())
    with torch.no_grad():
        field.density_scale.fill_(0.7)
        kept.restore(field)
    wall = field.raw_density_grid()[0, :2].detach()
    torch.testing.assert_close(wall, before_activation(torch.full_like(wall, INSIDE)))
    inside = field.density_at_voxels()[3:]
    fine = VoxelField(BOX, 12, 4)
    resample_parameters(field, fine)
    kept.carry_on(fine)
    assert torch.equal(fine.density_scale, old.density_scale)
    assert torch.equal(fine.density_grid[:, :6], old.density_grid[:, :6])
    torch.testing.assert_close(fine.density_at_voxels()[7:].mean(), inside.mean())


@pytest.mark.parametrize("resolution", [8, 24])
def test_on_another_grid_the_field_is_resampled(source, edit, resolution):
    folder = edit("finer", field={"resolution": resolution}, learning_rate=0.0, background_learning_rate=0.0)
    after = run(folder)
    old, new = (VoxelField(BOX, size, 4) for size in (12, resolution))
    for field, tensors in ((old, source[1]), (new, after)):
        field.load_state_dict({name[6:]: value for name, value in tensors.items() if name.startswith("field.")})
    points = new.half_extents * torch.tensor([[0.0, 0.2, 0.1], [0.5, -0.4, 0.3], [-0.7, 0.6, -0.2]])
    torch.testing.assert_close(new.density(points), old.density(points), rtol=0.15, atol=0.05)


def test_of_another_model_the_density_alone_is_taken(source, edit, job):
    after = run(edit("density", features=False, learning_rate=0.0, background_learning_rate=0.0))
    fresh = run(job("fresh", learning_rate=0.0, background_learning_rate=0.0))
    assert torch.equal(after["field.density_grid"], source[1]["field.density_grid"])
    for name in ("field.feature_grid", "field.background_texture.texels"):
        assert torch.equal(after[name], fresh[name])


def refused(folder):
    with pytest.raises(SjcError) as caught:
        run_job(folder, lambda event: None, lambda: False)
    return caught.value.code


def test_what_does_not_fit_is_refused(edit, source, job):
    assert refused(edit("other grid", region_of((24, 12, 18)), field={"resolution": 24})) == "region_needs_same_grid"
    changed = edit("changed", region_of())
    other = job("other", "a green car")
    run(other)
    shutil.copyfile(other.checkpoint, changed.origin)
    assert refused(changed) == "origin_changed"
    damaged = edit("damaged", region_of())
    damaged.origin.write_bytes(damaged.origin.read_bytes()[:-9])
    assert refused(damaged) == "checkpoint_corrupt"
    gone = edit("gone", region_of())
    gone.region.unlink()
    assert refused(gone) == "region_missing"
    wrong = edit("wrong", region_of())
    np.savez(wrong.region, occupancy=1 - region_of())
    assert refused(wrong) == "region_changed"


def test_another_box_and_other_samples_are_refused():
    field = VoxelField(BOX, 12, 4)
    for other, code in (
        (VoxelField((1, 1, 1), 12, 4), "origin_of_other_box"),
        (VoxelField(BOX, 12, 3), "origin_of_other_samples"),
    ):
        with pytest.raises(SjcError) as caught:
            start_from_origin(field, other, features=True, background=False)
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ({"blob_density": 5.0}, "field.blob_density"),
        ({"proxy": {"digest": "0"}}, "field.proxy"),
        ({"origin": {"digest": "0", "region": "1", "features": False}}, "field.origin.features"),
    ],
)
def test_an_origin_is_the_only_start(job, field, named):
    with pytest.raises(InvalidSpec) as caught:
        job("no", field={"origin": OriginSpec("0"), **field})
    assert [fault.field for fault in caught.value.faults] == [named]


def test_a_checkpoint_knows_its_origin_and_its_region(edit):
    first, second = edit("first", region_of()), edit("second", 1 - region_of())
    run(first)
    with pytest.raises(SjcError, match="other settings"):
        checkpoint.load(first.checkpoint, second.read_spec())
    spec = first.read_spec()
    origin = dataclasses.replace(spec.field.origin, digest="0" * 64)
    with pytest.raises(SjcError, match="other settings"):
        checkpoint.load(
            first.checkpoint, dataclasses.replace(spec, field=dataclasses.replace(spec.field, origin=origin))
        )
