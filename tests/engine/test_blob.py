"""A bump to start from: its density, its place and its shape in a box that is no cube."""

import math

import pytest
import torch

from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.radiance.blob import start_from_blob
from sjc_blender.engine.radiance.field import VoxelField
from sjc_blender.engine.radiance.rays import camera_rays
from sjc_blender.engine.radiance.renderer import render_chunked

BOX = (1.0, 0.5, 0.75)


def blob(resolution=40, half_extents=BOX):
    field = VoxelField(half_extents, resolution, 3)
    start_from_blob(field, 5.0)
    return field


def softplus(x):
    return math.log1p(math.exp(x))


PLACES = [(0.0, 0.0, 0.0), (0.2, 0.0, 0.0), (0.0, 0.1, 0.0), (0.0, 0.0, 0.15), (0.2, -0.1, 0.15)]


@pytest.mark.parametrize("place", PLACES)
def test_the_density_is_that_of_a_gaussian_before_activation(place):
    field = blob(resolution=80)
    squares = sum((p / (0.2 * h)) ** 2 for p, h in zip(place, BOX, strict=True))
    expected = softplus(5 * math.exp(-squares / 2) - 1)
    assert field.density(torch.tensor([place])).item() == pytest.approx(expected, rel=0.02)


def test_far_from_it_there_is_the_usual_haze():
    density = blob().density_at_voxels()
    torch.testing.assert_close(density[0, 0, 0], VoxelField(BOX, 8, 3).density_at_voxels()[0, 0, 0])


def test_it_is_seen_in_the_middle_from_all_sides():
    field = blob(half_extents=(1.0, 1.0, 1.0))
    for azimuth, elevation in ((0, 0), (90, 0), (40, 60)):
        rays = camera_rays(orbit_camera(azimuth, elevation, 3, 40), 33, 33)
        opacity, haze = (render_chunked(f, rays).opacity for f in (field, VoxelField((1.0, 1.0, 1.0), 40, 3)))
        assert int((opacity - haze).argmax()) == 16 * 33 + 16
        assert opacity[16, 16] - haze[16, 16] > 0.2
