"""Total variation of grids, by hand."""

import math

import pytest
import torch

from sjc_blender.engine.optimisation.total_variation import total_variation


def ramp(resolution, gradient):
    """A linear field of this gradient [3] on a cube of side 2, in float64."""
    axis = (torch.arange(resolution, dtype=torch.float64) + 0.5) * 2 / resolution - 1
    points = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1)
    return (points @ torch.tensor(gradient, dtype=torch.float64))[None]


def test_a_ramp_costs_the_length_of_its_gradient_on_any_grid():
    """But for the last voxel along each axis, which has no next one."""
    for resolution in (20, 40):
        inner = ((resolution - 1) / resolution) ** 3
        loss = total_variation(ramp(resolution, (3.0, -4.0, 12.0)), 2 / resolution)
        # What the last layers keep of the gradient: a face lacks one component, an edge two, the corner all.
        lengths = {(1, 1, 0): 5.0, (1, 0, 1): math.hypot(3, 12), (0, 1, 1): math.hypot(4, 12)}
        lengths |= {(1, 0, 0): 3.0, (0, 1, 0): 4.0, (0, 0, 1): 12.0}
        expected = 13.0 * inner
        for kept, length in lengths.items():
            expected += length * math.prod((resolution - 1 if k else 1) / resolution for k in kept)
        assert loss.item() == pytest.approx(expected, abs=0.03)


def test_each_axis_and_each_channel_counts():
    grid = torch.zeros(2, 3, 4, 5)
    grid[0, 1, 2, 3] = 6.0
    grid[1, 0, 0, 0] = 2.0
    # A spike is a neighbour's difference along each of three axes, and three differences of its own voxel at once; at
    # the grid's corner it is nobody's next.
    expected = (3 * 6.0 + 6.0 * math.sqrt(3) + 2.0 * math.sqrt(3)) / 60 / 0.5
    assert total_variation(grid, 0.5).item() == pytest.approx(expected, abs=2e-3)


def test_a_flat_grid_costs_nothing_and_has_no_slope():
    grid = torch.full((1, 4, 4, 4), 3.0, requires_grad=True)
    loss = total_variation(grid, 0.5)
    loss.backward()
    assert loss.item() == 0
    assert not grid.grad.any()


def test_noise_is_smoothed_and_an_edge_stays():
    clean = torch.zeros(1, 8, 8, 8)
    clean[:, 4:] = 4.0
    noise = 0.3 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    grid = (clean + noise).requires_grad_()
    optimiser = torch.optim.Adam([grid], lr=0.02)
    for _ in range(300):
        optimiser.zero_grad()
        ((grid - clean - noise).square().mean() + 0.1 * total_variation(grid, 0.25)).backward()
        optimiser.step()
    assert (grid - clean).square().mean() < 0.25 * noise.square().mean()
    assert (grid[:, 4] - grid[:, 3]).mean() > 3.5
