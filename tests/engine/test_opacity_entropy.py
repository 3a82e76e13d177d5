"""The entropy of opacities: values and slopes by hand, and what it does to fog."""

import math

import pytest
import torch

from sjc_blender.engine.optimisation.losses import PUBLISHED_RAYS
from sjc_blender.engine.optimisation.opacity_entropy import opacity_entropy


def test_entropy_by_hand():
    opacity = torch.tensor([[0.5, 0.25], [0.9, 0.1]], dtype=torch.float64, requires_grad=True)
    loss = opacity_entropy(opacity) * PUBLISHED_RAYS
    half, quarter = math.log(2), 0.25 * math.log(4) + 0.75 * math.log(4 / 3)
    tenth = -0.1 * math.log(0.1) - 0.9 * math.log(0.9)
    assert loss.item() == pytest.approx(half + quarter + 2 * tenth)
    loss.backward()
    slopes = [[0.0, math.log(3)], [-math.log(9), math.log(9)]]
    torch.testing.assert_close(opacity.grad, torch.tensor(slopes, dtype=torch.float64))


def test_what_is_decided_costs_nothing_and_has_a_finite_slope():
    opacity = torch.tensor([[0.0, 1.0, 1e-9, 1 - 1e-7]], requires_grad=True)
    loss = opacity_entropy(opacity)
    loss.backward()
    assert 0 <= loss.item() * PUBLISHED_RAYS < 1e-3
    assert opacity.grad.isfinite().all()


def test_fog_becomes_object_or_nothing():
    opacity = torch.tensor([[0.3, 0.45, 0.55, 0.8]], requires_grad=True)
    for _ in range(200):
        (slope,) = torch.autograd.grad(opacity_entropy(opacity), opacity)
        with torch.no_grad():
            opacity.sub_(100 * slope).clamp_(0, 1)
    torch.testing.assert_close(opacity.detach(), torch.tensor([[0.0, 0.0, 1.0, 1.0]]), rtol=0, atol=1e-3)
