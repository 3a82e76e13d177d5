"""The distortion loss: against the double sum that defines it, and what it does to a spread-out ray."""

import pytest
import torch

from sjc_blender.engine.optimisation.distortion import distortion
from sjc_blender.engine.optimisation.losses import PUBLISHED_RAYS


def by_definition(weights, spacing):
    """Eq. 15 of Mip-NeRF 360, with its middles and lengths."""
    total = torch.zeros((), dtype=weights.dtype)
    for ray in weights:
        for i, a in enumerate(ray):
            for j, b in enumerate(ray):
                total = total + a * b * abs(i - j) * spacing
            total = total + a**2 * spacing / 3
    return total / PUBLISHED_RAYS


def ray_weights(rays=3, samples=9):
    weights = torch.rand(rays, samples, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (weights / samples).requires_grad_()


def test_the_prefix_sums_are_the_double_sum_and_so_are_their_slopes():
    weights = ray_weights()
    fast, slow = distortion(weights, 0.02), by_definition(weights, 0.02)
    assert fast.item() == pytest.approx(slow.item(), rel=1e-12)
    for found, expected in zip(torch.autograd.grad(fast, weights), torch.autograd.grad(slow, weights), strict=True):
        torch.testing.assert_close(found, expected)


def test_two_surfaces_cost_their_distance():
    weights = torch.zeros(1, 300)
    weights[0, 40], weights[0, 240] = 0.5, 0.5
    # Half of the pairs are 200 samples apart.
    expected = (0.5 * 200 + 0.5 / 3) * 0.01 / PUBLISHED_RAYS
    assert distortion(weights, 0.01).item() == pytest.approx(expected)


def test_a_fog_of_the_whole_ray_costs_a_third_of_its_length():
    """The mean distance of two points of a line, whatever it is cut into."""
    for samples in (50, 400):
        weights = torch.full((1, samples), 1 / samples, dtype=torch.float64)
        assert distortion(weights, 2.0 / samples).item() * PUBLISHED_RAYS == pytest.approx(2.0 / 3)


def test_samples_beyond_the_box_add_nothing():
    weights = ray_weights().detach()
    padded = torch.nn.functional.pad(weights, (0, 20))
    torch.testing.assert_close(distortion(padded, 0.02), distortion(weights, 0.02))


def test_a_spread_out_ray_is_drawn_together():
    logits = torch.linspace(-0.5, 0.5, 41).sin().requires_grad_()
    spread = []
    places = torch.linspace(-1, 1, 41)
    optimiser = torch.optim.Adam([logits], lr=0.05)
    for _ in range(300):
        weights = logits.softmax(dim=0)
        centre = (weights * places).sum()
        spread.append(float((weights * (places - centre).square()).sum().detach()))
        optimiser.zero_grad()
        (distortion(weights[None], 0.05) * PUBLISHED_RAYS).backward()
        optimiser.step()
    assert spread[-1] < 0.02 * spread[0]
