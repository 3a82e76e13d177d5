"""What a proxy keeps and the model does not want takes the colours of the object around it."""

from __future__ import annotations

import torch

from sjc_blender.engine.image_files.srgb import to_linear
from sjc_blender.engine.radiance.radiance_grid import RadianceGrid
from sjc_blender.engine.results.uncoloured import with_neighbours_colours

GREY = to_linear(torch.full((3,), 0.5))
RED = to_linear(torch.tensor([0.86, 0.1, 0.09]))
WHITE = to_linear(torch.full((3,), 0.95))
SIDE = 24


def column(*parts: tuple[int, int, torch.Tensor]) -> tuple[RadianceGrid, torch.Tensor]:
    """A column of matter along Z in some colours, and a proxy that fills it."""
    inside = torch.zeros(SIDE, SIDE, SIDE)
    inside[8:16, 8:16, 2:22] = 1.0
    rgb = GREY.expand(SIDE, SIDE, SIDE, 3).clone()
    for low, high, colour in parts:
        rgb[8:16, 8:16, low:high] = colour
    return RadianceGrid(50.0 * inside, rgb, torch.ones(3), GREY), inside


def test_grey_parts_of_a_proxy_take_the_nearest_colours() -> None:
    grid, proxy = column((2, 10, RED), (16, 22, WHITE))
    rgb = with_neighbours_colours(grid, proxy).rgb_grid[12, 12]
    assert torch.allclose(rgb[11], RED, atol=0.05), "next to the red part"
    assert torch.allclose(rgb[14], WHITE, atol=0.05), "next to the white part"
    assert torch.equal(rgb[2:10], grid.rgb_grid[12, 12, 2:10]), "strong colours stay"
    assert torch.allclose(rgb[16:22], WHITE, atol=0.03), "and so does white"


def test_what_is_far_from_any_colour_takes_the_colour_of_the_whole() -> None:
    grid, proxy = column((2, 4, RED))
    assert torch.allclose(with_neighbours_colours(grid, proxy).rgb_grid[12, 12, 4:22], RED, atol=0.02)


def test_grey_outside_the_proxy_stays() -> None:
    grid, proxy = column((2, 10, RED))
    proxy[..., 14:] = 0
    rgb = with_neighbours_colours(grid, proxy).rgb_grid[12, 12]
    assert torch.allclose(rgb[12], RED, atol=0.05)
    assert torch.equal(rgb[16:], grid.rgb_grid[12, 12, 16:])


def test_an_object_of_the_backgrounds_colour_stays_so() -> None:
    grid, proxy = column()
    assert with_neighbours_colours(grid, proxy) is grid


def test_a_dull_mixture_is_none_of_the_objects_colours() -> None:
    dull = to_linear(torch.tensor([0.36, 0.36, 0.39]))
    grid, proxy = column((2, 10, to_linear(torch.tensor([0.6, 0.62, 0.24]))), (10, 22, dull))
    rgb = with_neighbours_colours(grid, proxy).rgb_grid[12, 12]
    assert torch.allclose(rgb[14:22], rgb[4], atol=0.03)
