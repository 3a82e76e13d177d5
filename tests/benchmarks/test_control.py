"""The measurements of proxies and edits: what they start jobs from, and what they would notice."""

import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from benchmarks.quality import proxies
from benchmarks.quality.blockout import blockout
from benchmarks.quality.coarse_shape import coarse_shape
from benchmarks.quality.control_jobs import control_job, plain_job, same_bits
from benchmarks.quality.edits import EDITS, edited, kept, region_of, seen_as
from benchmarks.quality.proxies import Hold, held, sooner
from benchmarks.quality.shape import empty_grid, intersection_over_union, true_solid
from benchmarks.quality.trail import Mark, Trail, read_trail
from benchmarks.quality.true_shape import true_grid
from benchmarks.quality.worker import make
from sjc_blender.engine import checkpoint
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.spec import scheduled

RESOLUTION = 24
WHOLE, UPPER = EDITS[0], EDITS[-1]
# Six steps leave a haze. Sharpened after the last of them it would be a block that hides its inside from an edit.
TINY = {
    "field": {"resolution": RESOLUTION},
    "optimisation": {"steps": 6, "checkpoint_every": 2, "emptiness_weight": 0.0, "sharpening": 1.0},
    "outputs": {"colour_views": 4},
}


def made(control):
    folder = JobFolder.create(control.job.path, control.job.spec)
    if control.lay is not None:
        control.lay(folder)
    assert make(control.job, Trail(control.job))
    return control.job


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    job = plain_job("chair", "red", tmp_path_factory.mktemp("control"), **TINY)
    assert make(job, Trail(job))
    return job


def test_a_coarse_shape_is_of_blocks_stands_as_the_object_does_and_is_not_the_object():
    coarse, truth = coarse_shape("duck", 12, 48), true_solid("duck", empty_grid(48))
    blocks = coarse.reshape(12, 4, 12, 4, 12, 4)
    assert (blocks == blocks[:, :1, :, :1, :, :1]).all()
    assert 0.6 < intersection_over_union(coarse, truth) < 0.8
    # The duck looks along -Y; turned round it would fit worse.
    assert intersection_over_union(coarse[:, ::-1], truth) < 0.6


@pytest.mark.parametrize("name", proxies.OBJECTS)
def test_a_blockout_stands_as_the_object_does_and_is_not_the_object(name):
    rough, truth = blockout(name, 96), true_solid(name, empty_grid(96))
    assert 0.8 < intersection_over_union(rough, truth) < 0.9
    # The car and the chair look along -Y, the mug's handle is at +X.
    turned = rough[::-1] if name == "mug" else rough[:, ::-1]
    assert intersection_over_union(turned, truth) < 0.8


def test_a_trail_ends_with_what_the_result_measures(old):
    marks = read_trail(old)
    assert [mark.step for mark in marks] == [2, 4, 6]
    assert 0 < marks[0].seconds < marks[1].seconds < marks[2].seconds < old.figures()["seconds"]
    assert marks[-1].iou == pytest.approx(old.figures()["iou"])


def test_the_time_until_a_job_is_as_good_counts_from_where_it_stays_so(tmp_path, monkeypatch):
    plain, other = (
        control_job(row, "chair", "red", plain_job("chair", "red", tmp_path).spec, tmp_path) for row in "ab"
    )
    trails = {
        "a": [Mark(20, 10.0, 0.3), Mark(40, 20.0, 0.5)],
        "b": [Mark(20, 2.0, 0.6), Mark(40, 4.0, 0.4), Mark(60, 6.0, 0.5), Mark(80, 8.0, 0.7)],
    }
    monkeypatch.setattr(proxies, "read_trail", lambda job: trails[job.row])
    monkeypatch.setattr(type(plain), "figures", lambda job: {"iou": trails[job.row][-1].iou})
    assert sooner(plain, other) == {"reached_step": 60, "reached_seconds": 6.0, "time_share": 0.3}
    assert sooner(other, plain)["time_share"] is None


def test_a_hold_differs_from_the_plain_job_in_its_proxy_and_its_steps_alone(old, tmp_path):
    control = held(old, Hold(12, 0.5, share=0.5), tmp_path)
    spec = control.job.spec
    assert spec.optimisation.steps == 3 and spec.field.proxy.looseness == 0.5
    assert dataclasses.replace(spec.field, proxy=None) == old.spec.field
    assert dataclasses.replace(spec, field=old.spec.field, optimisation=old.spec.optimisation) == old.spec
    job = made(control)
    density = load_file(job.folder.checkpoint)["field.density_grid"][0].numpy()
    filled = coarse_shape("chair", 12, RESOLUTION)
    assert density[filled].mean() > density[~filled].mean() + 1


def test_regions_hold_the_shapes_they_are_laid_around(old):
    whole, upper = (region_of(edit, old) for edit in (WHOLE, UPPER))
    grid = empty_grid(RESOLUTION)
    chair, duck = true_solid("chair", grid), true_solid("duck", grid)
    assert whole[chair].all() and whole[duck].all() and not whole.all()
    levels = np.flatnonzero(chair.any((0, 1)))
    lowest = np.flatnonzero(upper.any((0, 1)))[0]
    assert lowest == levels.mean().round() and upper[chair][np.argwhere(chair)[:, 2] >= lowest].all()


def test_an_edit_keeps_what_it_must_and_a_changed_bit_would_be_noticed(old, tmp_path):
    region = region_of(UPPER, old)
    job = made(edited(old, UPPER, tmp_path))
    found = kept(old, job, region)
    assert found["kept_values"] == 5 * (~region).sum()
    assert (found["changed_outside"], found["rest_kept"]) == (0, True) and found["changed_inside"] > 0.9
    step, tensors = checkpoint.load(job.folder.checkpoint, scheduled(job.spec))
    tensors["field.feature_grid"][2, 0, 0, 0] = torch.nextafter(
        tensors["field.feature_grid"][2, 0, 0, 0], torch.tensor(9.0)
    )
    tensors["field.density_scale"] += 1e-3
    checkpoint.save(job.folder.checkpoint, scheduled(job.spec), step, tensors)
    found = kept(old, job, region)
    assert (found["changed_outside"], found["rest_kept"]) == (1, False)


def test_bits_are_compared_where_values_are_equal():
    zero = torch.zeros(2)
    assert same_bits(zero, zero.clone()) and not same_bits(zero, -zero)


def test_the_part_in_a_region_is_judged_by_itself():
    """A true chair, blue above and red below."""
    blue, red = true_grid("chair", "blue"), true_grid("chair", "red")
    region = np.zeros(blue.shape, dtype=np.bool_)
    region[:, :, 24:] = True
    above = torch.from_numpy(region)[..., None]
    both = dataclasses.replace(blue, rgb_grid=torch.where(above, blue.rgb_grid, red.rgb_grid))
    inside, outside = seen_as(both, region, UPPER), seen_as(both, ~region, UPPER)
    assert (inside["colour"], outside["colour"]) == ("blue", "red")
    assert inside["from_new_colour"] < 15 < 60 < inside["from_old_colour"]
    assert outside["from_old_colour"] < 25 < 60 < outside["from_new_colour"]
