"""The quality benchmark's recogniser, and what is built on it, on engine renders of the true shapes."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from benchmarks.quality.augmentation import pictures
from benchmarks.quality.colour_error import colour_error
from benchmarks.quality.janus import apart, is_turned, is_turned_at_best, shows_front
from benchmarks.quality.looks import AZIMUTHS, Looks, look_at
from benchmarks.quality.recogniser import CENTRES, COLOUR_NAMES, NAMES, SECTORS, load_recogniser, recognise
from benchmarks.quality.recognition import recognition
from benchmarks.quality.shape import intersection_over_union, true_solid
from benchmarks.quality.train_recogniser import sector_targets
from benchmarks.quality.true_shape import true_grid
from sjc_blender.surface.solidity import solidity
from training.shapes import SYMMETRIC

NETWORK = load_recogniser()
SIDED = [name for name in NAMES if name not in SYMMETRIC]


@pytest.mark.parametrize("name", NAMES)
def test_a_true_shape_is_recognised_in_every_colour_and_from_every_side(name):
    for colour in COLOUR_NAMES:
        found = recognition(NETWORK, look_at(true_grid(name, colour)).pictures, name, colour)
        assert found["recognition"] == 1, (name, colour, found)
        janus = found["janus_rate"]
        assert math.isnan(janus) if name in SYMMETRIC else janus == 0, (name, colour, found)


@pytest.mark.parametrize("name", SIDED)
def test_a_shape_that_is_turned_round_shows_the_wrong_side_everywhere(name):
    grid = true_grid(name, "blue")
    turned = dataclasses.replace(grid, density_grid=grid.density_grid.flip(0, 1), rgb_grid=grid.rgb_grid.flip(0, 1))
    # Without the handle in sight, or with it in front, the mug hardly shows how it stands.
    least = 0.6 if name == "mug" else 1
    looks = look_at(turned).pictures
    assert recognition(NETWORK, looks, name, "blue")["janus_rate"] >= least
    # It has one front all the same.
    sectors, azimuths = recognise(NETWORK, looks).sectors, torch.tensor(AZIMUTHS)
    assert not is_turned_at_best(sectors, azimuths).any()


@pytest.mark.parametrize("side", ["front", "back"])
def test_a_shape_with_two_fronts_shows_the_wrong_side_and_so_does_one_with_none(side):
    grid = true_grid("bear", "red")
    half = grid.shape[1] // 2

    def doubled(values: torch.Tensor) -> torch.Tensor:
        kept = values[:, :half] if side == "front" else values[:, half:].flip(1)
        return torch.cat([kept, kept.flip(1)], dim=1)

    both = dataclasses.replace(grid, density_grid=doubled(grid.density_grid), rgb_grid=doubled(grid.rgb_grid))
    looks = look_at(both).pictures
    found = recognition(NETWORK, looks, "bear", "red")
    assert 0.25 <= found["janus_rate"] <= 0.75
    assert found["object"] == 1
    second = shows_front(recognise(NETWORK, looks).sectors, torch.tensor(AZIMUTHS))
    assert bool(second[AZIMUTHS.index(180.0)]) == (side == "front")
    assert is_turned_at_best(recognise(NETWORK, looks).sectors, torch.tensor(AZIMUTHS)).float().mean() >= 0.25
    assert side == "front" or not second.any()


def test_another_object_or_another_colour_is_not_what_was_asked_for():
    looks = look_at(true_grid("duck", "yellow")).pictures
    assert recognition(NETWORK, looks, "car", "yellow")["recognition"] == 0
    assert recognition(NETWORK, looks, "duck", "red") == pytest.approx(
        {"recognition": 0, "object": 1, "colour": 0, "janus_rate": 0}
    )


def test_nothing_is_not_recognised_as_everything():
    nothing = torch.full((8, 3, 64, 64), 0.5)
    named = [recognition(NETWORK, nothing, name, "red")["object"] for name in NAMES]
    assert sum(named) == 1, "one answer at most can be right"


@pytest.mark.parametrize(("found", "true", "turned"), [(0, 59, 0), (0, 66, 1), (345, 40, 0), (345, 75, 1), (180, 0, 1)])
def test_sides_are_compared_around_the_circle(found, true, turned):
    sure = sector_targets(np.array([found]))
    assert bool(is_turned(sure, torch.tensor([float(true)]))) == bool(turned)


def test_who_is_not_sure_of_the_side_does_not_count():
    either = 0.5 * sector_targets(np.array([0.0])) + 0.5 * sector_targets(np.array([180.0]))
    assert not is_turned(either, torch.tensor([0.0])).any()
    assert is_turned(either, torch.tensor([90.0])).all()


def test_the_sector_of_an_azimuth_is_the_one_around_it():
    for azimuth in range(0, 360, 7):
        (weights,) = sector_targets(np.array([float(azimuth)]))
        assert weights.sum() == pytest.approx(1)
        assert apart(CENTRES[weights > 0], torch.tensor(float(azimuth))).max() < 360 / SECTORS


def test_the_true_shape_has_the_iou_of_its_own_voxels_and_nearly_its_colour():
    grid = true_grid("house", "green")
    solid = solidity(grid.density_grid.numpy(), grid.voxel_size) > 0.5
    assert intersection_over_union(solid, true_solid("house", grid)) > 0.8
    looks = look_at(grid)
    right, wrong = colour_error(looks, "house", "green"), colour_error(looks, "house", "red")
    assert right < 12
    assert wrong > 60


def test_the_colour_of_nothing_has_no_error():
    empty = Looks(torch.full((8, 3, 64, 64), 0.5), *torch.zeros(2, 8, 64, 64))
    assert math.isnan(colour_error(empty, "duck", "red"))


def test_augmentation_keeps_what_is_to_be_recognised(traced_duck):
    drawn = pictures(traced_duck, np.zeros(16, int), np.full(16, COLOUR_NAMES.index("blue")), np.random.default_rng(0))
    assert drawn.shape == (16, 3, 64, 64)
    assert 0 <= drawn.min() <= drawn.max() <= 1
    blueness = drawn[:, 2] - drawn[:, :2].amax(1)
    share = (blueness > 0.2).float().mean((1, 2))
    assert ((share > 0.05) & (share < 0.4)).all()
    corner = drawn[:, :, :2, :2]
    assert (corner.amax(1) - corner.amin(1)).max() < 0.02, "the background stays grey"
    assert corner.mean((1, 2, 3)).std() > 0.01, "but not the same grey"
