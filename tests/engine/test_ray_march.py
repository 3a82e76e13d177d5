"""Leaping over emptiness changes nothing but the time it takes."""

import math

import pytest
import torch

from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.radiance.radiance_grid import RadianceGrid
from sjc_blender.engine.radiance.rays import Rays, camera_rays
from sjc_blender.engine.radiance.renderer import render_chunked
from sjc_blender.engine.results.ray_march import RayMarcher
from tests.engine.analytic_objects import coloured_ball, half_extents


def _sparse_grid() -> RadianceGrid:
    """Single voxels, thin rods and a block, on a grid of unequal sides."""
    shape = (20, 14, 26)
    density = torch.zeros(shape)
    density[3, 3, 3] = 200.0
    density[10, 7, 2:24] = 40.0
    density[14:19, 2:6, 15:25] = 3.0
    density[0, 13, 25] = 90.0  # in a corner of the box
    rgb = torch.rand(*shape, 3, generator=torch.Generator().manual_seed(0))
    return RadianceGrid(density, rgb, half_extents(shape), torch.tensor([0.1, 0.2, 0.3]))


@pytest.mark.parametrize("grid", [coloured_ball(20), _sparse_grid()], ids=["ball", "sparse"])
@pytest.mark.parametrize("distance", [2.5, 0.2], ids=["from outside", "from inside"])
def test_it_sees_what_the_dense_renderer_sees(grid: RadianceGrid, distance: float) -> None:
    rays = camera_rays(orbit_camera(50.0, 25.0, distance, 55.0), 40, 40)
    picture = RayMarcher(grid).render(rays)
    dense = render_chunked(grid, rays)
    image = picture.rgb + (1.0 - picture.opacity)[:, None] * grid.background_rgb
    difference = (image - dense.image.flatten(1).T).abs()
    # Samples of another phase: single pixels at hard edges differ, the picture does not.
    assert float(difference.mean()) < 0.003
    assert float((picture.opacity - dense.opacity.flatten()).abs().mean()) < 0.006


def test_opacity_of_a_homogeneous_box_in_closed_form() -> None:
    shape = (8, 8, 8)
    grid = RadianceGrid(torch.full(shape, 1.3), torch.full((*shape, 3), 0.4), half_extents(shape), torch.zeros(3))
    rays = Rays(torch.tensor([[-3.0, 0.1, 0.2]]), torch.tensor([[1.0, 0.0, 0.0]]), 1, 1)
    picture = RayMarcher(grid).render(rays)
    expected = 1.0 - math.exp(-1.3 * 2.0)
    assert float(picture.opacity[0]) == pytest.approx(expected, abs=1e-5)
    assert picture.rgb[0].tolist() == pytest.approx([0.4 * expected] * 3, abs=1e-5)


def test_an_empty_grid_is_clear() -> None:
    shape = (4, 5, 6)
    grid = RadianceGrid(torch.zeros(shape), torch.ones(*shape, 3), half_extents(shape), torch.zeros(3))
    picture = RayMarcher(grid).render(camera_rays(orbit_camera(0.0, 0.0, 2.0, 60.0), 8, 8))
    assert not picture.opacity.any()
    assert not picture.rgb.any()
