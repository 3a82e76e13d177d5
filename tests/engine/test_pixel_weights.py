"""The sparse matrix is volume rendering: it gives the renderer's picture for any colours."""

import numpy as np
import pytest
import torch

from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.radiance.radiance_grid import RadianceGrid
from sjc_blender.engine.radiance.rays import camera_rays
from sjc_blender.engine.radiance.renderer import render_chunked
from sjc_blender.engine.results.pixel_weights import pixel_weights
from tests.engine.analytic_objects import half_extents

SHAPE = (9, 16, 12)


@pytest.mark.parametrize("distance", [2.2, 0.3], ids=["from outside", "from inside the box"])
def test_the_matrix_times_the_colours_is_the_rendered_picture(distance: float) -> None:
    generator = torch.Generator().manual_seed(0)
    density = 20.0 * torch.rand(SHAPE, generator=generator) * (torch.rand(SHAPE, generator=generator) > 0.6)
    rgb = torch.rand(*SHAPE, 3, generator=generator)
    background = torch.tensor([0.2, 0.5, 0.9])
    grid = RadianceGrid(density, rgb, half_extents(SHAPE), background)
    rays = camera_rays(orbit_camera(35.0, 20.0, distance, 60.0), 24, 24)

    weights = pixel_weights(grid, rays)
    opacity = weights.sum(axis=1)[:, None]
    image = weights @ rgb.reshape(-1, 3).numpy() + (1 - opacity) * background.numpy()

    expected = render_chunked(grid, rays).image.flatten(1).T.numpy()
    np.testing.assert_allclose(image, expected, atol=2e-3)
    assert weights.data.min() >= 0
    assert opacity.max() <= 1 + 1e-5


def test_rays_that_see_nothing_have_empty_rows() -> None:
    grid = RadianceGrid(torch.zeros(SHAPE), torch.zeros(*SHAPE, 3), half_extents(SHAPE), torch.zeros(3))
    weights = pixel_weights(grid, camera_rays(orbit_camera(0.0, 0.0, 2.0, 60.0), 4, 4))
    assert weights.shape == (16, 9 * 16 * 12)
    assert weights.nnz == 0
