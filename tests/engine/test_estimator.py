"""PAAS against Gaussian closed forms and numerical integration over the noise."""

import math

import numpy as np
import pytest
import torch

from sjc_blender.engine.estimator import paas_gradient
from sjc_blender.engine.score_models.score_model import Condition

NO_CONDITION = Condition()


class Analytic:
    """A score model of one pixel whose denoiser is given as a function of z and sigma."""

    def __init__(self, denoiser, sigmas):
        self.denoiser = denoiser
        self.sigmas = torch.tensor(sigmas, dtype=torch.float64)

    def denoise(self, z, timestep, condition):
        return self.denoiser(z, float(self.sigmas[timestep]))


def gaussian(mean, deviation):
    """Posterior mean of x ~ N(mean, deviation^2) given z = x + sigma n."""
    return lambda z, sigma: (deviation**2 * z + sigma**2 * mean) / (deviation**2 + sigma**2)


def mixture(weights, means, deviations):
    """Posterior mean for a mixture of Gaussians: the components' posterior means, weighted by responsibility."""

    def denoiser(z, sigma):
        densities = torch.stack(
            [
                w / math.hypot(s, sigma) * torch.exp(-((z - m) ** 2) / (2 * (s**2 + sigma**2)))
                for w, m, s in zip(weights, means, deviations, strict=True)
            ]
        )
        posterior = torch.stack([gaussian(m, s)(z, sigma) for m, s in zip(means, deviations, strict=True)])
        return (densities * posterior).sum(dim=0) / densities.sum(dim=0)

    return denoiser


def moments(model, y, estimator, nodes=120):
    """Mean and variance of `paas_gradient` over the noise, by Gauss-Hermite quadrature."""
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    noise = torch.from_numpy(points).reshape(-1, 1, 1, 1)
    weights = torch.from_numpy(weights / weights.sum())
    values = paas_gradient(model, torch.full_like(noise, y), 0, NO_CONDITION, noise, estimator, sigma_power=0.0)
    mean = (weights * values.flatten()).sum()
    return float(mean), float((weights * (values.flatten() - mean) ** 2).sum())


def expect_close(value, expected, tolerance):
    assert abs(value - expected) <= tolerance, f"{value} is not {expected}"


@pytest.mark.parametrize("estimator", ["eq15", "eq16"])
@pytest.mark.parametrize(("y", "golden"), [(-1.0, 0.266904), (0.0, 0.202370), (2.0, -0.826399)])
def test_both_equations_have_the_published_mean_for_a_mixture(estimator, y, golden):
    model = Analytic(mixture((0.3, 0.7), (-2.0, 1.0), (0.3, 0.5)), [1.0])
    mean, _variance = moments(model, y, estimator)
    expect_close(mean, golden, 1e-6)


@pytest.mark.parametrize("estimator", ["eq15", "eq16"])
@pytest.mark.parametrize("sigma", [0.1, 1.0, 10.0])
def test_mean_for_gaussian_data_is_the_score_at_sigma(estimator, sigma):
    mean, deviation, y = 0.4, 0.5, -1.2
    found, _variance = moments(Analytic(gaussian(mean, deviation), [sigma]), y, estimator)
    expect_close(found, (mean - y) / (deviation**2 + sigma**2), 1e-9 / sigma**2)


@pytest.mark.parametrize("sigma", [0.2, 0.5, 2.0])
def test_variance_of_eq16_over_eq15_is_the_fourth_power_of_deviation_over_sigma(sigma):
    model = Analytic(gaussian(0.4, 0.5), [sigma])
    ratio = moments(model, -1.2, "eq16")[1] / moments(model, -1.2, "eq15")[1]
    assert ratio == pytest.approx((0.5 / sigma) ** 4, rel=1e-9)


@pytest.mark.parametrize("sigma", [0.03, 1.0, 14.6])
def test_with_the_papers_weight_the_gradient_is_noise_minus_predicted_noise(sigma):
    generator = torch.Generator().manual_seed(0)
    y, noise, predicted = torch.randn(3, 2, 4, 8, 8, generator=generator, dtype=torch.float64)
    model = Analytic(lambda z, sigma: z - sigma * predicted, [sigma])
    eq16 = paas_gradient(model, y, 0, NO_CONDITION, noise, "eq16", sigma_power=1.0)
    eq15 = paas_gradient(model, y, 0, NO_CONDITION, noise, "eq15", sigma_power=1.0)
    torch.testing.assert_close(eq16, noise - predicted, rtol=0, atol=1e-12)
    torch.testing.assert_close(eq15, -predicted, rtol=0, atol=1e-12)


def test_sigma_power_scales_the_score():
    model = Analytic(gaussian(0.4, 0.5), [4.0])
    y, noise = torch.full((1, 1, 1, 1), -1.2), torch.full((1, 1, 1, 1), 0.7)
    score = paas_gradient(model, y, 0, NO_CONDITION, noise, "eq16", sigma_power=0.0)
    for power, factor in ((0.5, 2.0), (1.0, 4.0), (2.0, 16.0)):
        scaled = paas_gradient(model, y, 0, NO_CONDITION, noise, "eq16", sigma_power=power)
        torch.testing.assert_close(scaled, factor * score)


def test_the_timestep_chooses_the_level_and_the_render_is_perturbed_by_it():
    seen = []

    def denoiser(z, sigma):
        seen.append((sigma, float(z)))
        return z

    y, noise = torch.full((1, 1, 1, 1), 1.0), torch.full((1, 1, 1, 1), 2.0)
    paas_gradient(Analytic(denoiser, [0.5, 3.0]), y, 1, NO_CONDITION, noise)
    assert seen == [(3.0, 7.0)]


def test_no_gradient_flows_into_the_network():
    y = torch.zeros(1, 1, 1, 1, requires_grad=True)
    gradient = paas_gradient(Analytic(gaussian(0.0, 1.0), [1.0]), y, 0, NO_CONDITION, torch.ones_like(y))
    assert not gradient.requires_grad
