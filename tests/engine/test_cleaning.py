"""Haze and floaters go; the object stays, thin parts and thin clouds included."""

import math

import numpy as np
import pytest

from sjc_blender.engine.results.cleaning import clean_density
from sjc_blender.engine.results.opacity import surface_threshold, voxel_opacity

VOXEL = 2 / 32
HAZE = math.log1p(math.exp(-1.0))  # softplus(-1), the density a field starts with


def _box_with_a_rod() -> np.ndarray:
    """A solid block, and a rod one voxel thick that touches it by a corner only."""
    density = np.zeros((32, 32, 32), dtype=np.float32)
    density[8:16, 8:16, 8:16] = 40.0
    density[16, 16, 16:26] = 40.0
    return density


def test_the_starting_fog_goes_and_the_object_stays_as_it_is() -> None:
    solid = _box_with_a_rod()
    cleaned = clean_density(np.maximum(solid, np.float32(HAZE)), VOXEL)
    np.testing.assert_array_equal(cleaned, solid)


def test_uneven_fog_goes_too() -> None:
    solid = _box_with_a_rod()
    fog = np.random.default_rng(0).uniform(0.0, 1.5 * HAZE, solid.shape).astype(np.float32)
    np.testing.assert_array_equal(clean_density(np.maximum(solid, fog), VOXEL), solid)


def test_small_floaters_go_and_large_separate_parts_stay() -> None:
    density = _box_with_a_rod()
    expected = density.copy()
    expected[22:26, 4:8, 4:8] = 40.0  # an eighth of the block
    density = expected.copy()
    density[28, 28, 28] = 200.0
    density[2:4, 28, 2] = 5.0
    np.testing.assert_array_equal(clean_density(density, VOXEL), expected)


def test_a_cloud_thinner_than_fog_is_no_fog() -> None:
    x = np.linspace(-1, 1, 32)
    distance = np.sqrt(x[:, None, None] ** 2 + x[None, :, None] ** 2 + x[None, None, :] ** 2)
    cloud = np.where(distance < 0.8, 0.25, 0.0).astype(np.float32)
    np.testing.assert_array_equal(clean_density(cloud, VOXEL), cloud)


def test_a_field_that_was_erased_is_empty() -> None:
    remains = np.random.default_rng(0).uniform(0.0, 0.02, (32, 32, 32)).astype(np.float32)
    assert not clean_density(remains, VOXEL).any()
    assert not clean_density(np.zeros((4, 5, 6), dtype=np.float32), VOXEL).any()


@pytest.mark.parametrize("level", [1e-6, 0.02, 0.31, 5.0, 300.0])
@pytest.mark.parametrize("steps", [0, 1, 3, 100])
def test_a_density_that_is_the_same_everywhere_as_far_as_float32_can_tell_has_a_threshold(level, steps):
    density = np.full((4, 4, 4), level, np.float32)
    density[0, 0, 0] += steps * np.spacing(np.float32(level))
    opacity = voxel_opacity(density, 0.1)
    assert 0.0 < surface_threshold(opacity) <= opacity.max()
    cleaned = clean_density(density, 0.1)
    assert np.array_equal(cleaned, density) or not cleaned.any()
