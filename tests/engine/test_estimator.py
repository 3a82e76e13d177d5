"""PAAS against Gaussian closed forms and numerical integration over the noise."""

import math

import numpy as np
import pytest
import torch

from sjc_blender.engine.optimisation.estimator import paas_gradient
from sjc_blender.engine.score_models.guidance import guided
from sjc_blender.engine.score_models.score_model import Condition
from sjc_blender.protocol.spec import OptimisationSpec


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


def gradient(model, y, noise, estimator="eq16", *, timestep=0, conditions=None, **settings):
    """`paas_gradient` of renders y [V, C, H, W] with one noise of the same shape each, or [V, K, C, H, W]."""
    noises = noise[:, None] if noise.ndim == y.ndim else noise
    settings = OptimisationSpec(estimator=estimator, **settings)
    return paas_gradient(model, y, timestep, conditions or [Condition()] * len(y), noises, settings)


def moments(model, y, estimator, nodes=120, **settings):
    """Mean and variance of `paas_gradient` over the noise, by Gauss-Hermite quadrature (each node as a view)."""
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    noise = torch.from_numpy(points).reshape(-1, 1, 1, 1)
    weights = torch.from_numpy(weights / weights.sum())
    values = gradient(model, torch.full_like(noise, y), noise, estimator, sigma_power=0.0, **settings)
    mean = (weights * values.flatten()).sum()
    return float(mean), float((weights * (values.flatten() - mean) ** 2).sum())


def expect_close(value, expected, tolerance):
    assert abs(value - expected) <= tolerance, f"{value} is not {expected}"


@pytest.mark.parametrize("estimator", ["eq15", "eq16"])
@pytest.mark.parametrize(("y", "golden"), [(-1.0, 0.266904), (0.0, 0.202370), (2.0, -0.826399)])
def test_every_estimator_has_the_published_mean_for_a_mixture(estimator, y, golden):
    model = Analytic(mixture((0.3, 0.7), (-2.0, 1.0), (0.3, 0.5)), [1.0])
    mean, _variance = moments(model, y, estimator)
    expect_close(mean, golden, 1e-6)


def test_without_paas_the_mean_is_the_score_at_the_render_and_another():
    denoiser = mixture((0.3, 0.7), (-2.0, 1.0), (0.3, 0.5))
    mean, variance = moments(Analytic(denoiser, [1.0]), -1.0, "none")
    expect_close(mean, float(denoiser(torch.tensor(-1.0), 1.0)) + 1.0, 1e-6)
    assert variance < 1e-12
    assert abs(mean - 0.266904) > 0.1


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
    eq16, eq15 = (gradient(model, y, noise, estimator, sigma_power=1.0) for estimator in ("eq16", "eq15"))
    torch.testing.assert_close(eq16, noise - predicted, rtol=0, atol=1e-12)
    torch.testing.assert_close(eq15, -predicted, rtol=0, atol=1e-12)


def test_several_noises_are_averaged_and_views_are_kept_apart():
    generator = torch.Generator().manual_seed(0)
    y = torch.randn(2, 4, 8, 8, generator=generator, dtype=torch.float64)
    noises = torch.randn(2, 3, 4, 8, 8, generator=generator, dtype=torch.float64)
    model = Analytic(mixture((0.3, 0.7), (-2.0, 1.0), (0.3, 0.5)), [1.5])
    together = gradient(model, y, noises, "eq15")
    one_by_one = torch.stack([gradient(model, y, noises[:, k], "eq15") for k in range(3)]).mean(dim=0)
    torch.testing.assert_close(together, one_by_one, rtol=0, atol=1e-12)
    alone = torch.cat([gradient(model, y[v : v + 1], noises[v : v + 1], "eq15") for v in range(2)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-12)


class Conditional:
    """A score model that adds its condition, and counts its calls."""

    sigmas = torch.ones(1, dtype=torch.float64)

    def __init__(self):
        self.calls = 0

    def denoise(self, z, timestep, condition):
        self.calls += 1
        return z + condition.positive.view(-1, 1, 1, 1)


@pytest.mark.parametrize("scales", [(1.0, 1.0), (1.0, 2.0)], ids=["in one call", "in a call each"])
def test_each_view_is_scored_under_its_own_condition(scales):
    negative = torch.zeros(1, 1)
    conditions = [Condition(torch.full((1, 1), 10.0 * v), negative, scale) for v, scale in enumerate(scales)]
    model, y = Conditional(), torch.zeros(2, 1, 1, 1)
    found = gradient(model, y, torch.ones(2, 3, 1, 1, 1), "eq15", conditions=conditions)
    assert found.flatten().tolist() == [0.0, 10.0]
    assert model.calls == (1 if scales[0] == scales[1] else 2)


class TwoGaussians:
    """A score model of data N(condition, 0.5^2), guided."""

    sigmas = torch.tensor([1.7], dtype=torch.float64)

    def denoise(self, z, timestep, condition):
        sigma = float(self.sigmas[timestep])
        return guided(lambda z, means: gaussian(means.view(-1, 1, 1, 1), 0.5)(z, sigma), z, condition)


@pytest.mark.parametrize("estimator", ["eq15", "eq16"])
def test_the_classifier_score_of_two_gaussians_is_their_distance_whatever_the_noise(estimator):
    """s (mu_c - mu_u) / (deviation^2 + sigma^2), with no variance: the noise cancels in the difference."""
    generator = torch.Generator().manual_seed(0)
    y = torch.randn(1, 2, 8, 8, generator=generator, dtype=torch.float64)
    noises = torch.randn(1, 3, 2, 8, 8, generator=generator, dtype=torch.float64)
    positive, negative = (torch.full((1, 1), mean, dtype=torch.float64) for mean in (0.9, -0.4))
    condition = Condition(positive, negative, 7.0, classifier_only=True)
    settings = {"guidance": "classifier_score", "sigma_power": 0.0, "conditions": [condition]}
    found = gradient(TwoGaussians(), y, noises, estimator, **settings)
    torch.testing.assert_close(found, torch.full_like(y, 7.0 * 1.3 / (0.25 + 1.7**2)), rtol=0, atol=1e-12)


def test_guidance_is_the_classifier_score_and_that_of_the_negative_in_expectation():
    y = torch.full((1, 1, 1, 1), 0.3, dtype=torch.float64)
    pair = torch.tensor([1.0, -1.0], dtype=torch.float64).view(1, 2, 1, 1, 1)
    positive, negative = (torch.full((1, 1), mean, dtype=torch.float64) for mean in (0.9, -0.4))
    free, only, of_negative = (
        gradient(TwoGaussians(), y, pair, conditions=[condition], sigma_power=0.0, guidance=guidance)
        for condition, guidance in (
            (Condition(positive, negative, 7.0), "classifier_free"),
            (Condition(positive, negative, 7.0, classifier_only=True), "classifier_score"),
            (Condition(negative), "classifier_free"),
        )
    )
    torch.testing.assert_close(free, only + of_negative)


def test_views_with_weighted_other_views_go_through_one_call_with_their_own_weights():
    seen = []

    class Noting(TwoGaussians):
        def denoise(self, z, timestep, condition):
            seen.append(condition)
            return super().denoise(z, timestep, condition)

    means = torch.tensor([[[1.0], [2.0]]], dtype=torch.float64)
    one = torch.ones(1, 1, dtype=torch.float64)
    conditions = [
        Condition(one, -one, 3.0, other_views=means, other_view_weights=torch.tensor([[w, -1.0]])) for w in (-0.5, -2.0)
    ]
    y = torch.zeros(2, 1, 1, 1, dtype=torch.float64)
    gradient(Noting(), y, torch.ones(2, 3, 1, 1, 1, dtype=torch.float64), conditions=conditions)
    (joined,) = seen
    assert joined.other_views.shape == (6, 2, 1)
    assert joined.other_view_weights[:, 0].tolist() == [-0.5] * 3 + [-2.0] * 3


def test_sigma_power_scales_the_score():
    model = Analytic(gaussian(0.4, 0.5), [4.0])
    y, noise = torch.full((1, 1, 1, 1), -1.2), torch.full((1, 1, 1, 1), 0.7)
    score = gradient(model, y, noise, sigma_power=0.0)
    for power, factor in ((0.5, 2.0), (1.0, 4.0), (2.0, 16.0)):
        scaled = gradient(model, y, noise, sigma_power=power)
        torch.testing.assert_close(scaled, factor * score)


def test_the_timestep_chooses_the_level_and_the_render_is_perturbed_by_it():
    seen = []

    def denoiser(z, sigma):
        seen.append((sigma, float(z)))
        return z

    y, noise = torch.full((1, 1, 1, 1), 1.0), torch.full((1, 1, 1, 1), 2.0)
    gradient(Analytic(denoiser, [0.5, 3.0]), y, noise, timestep=1)
    assert seen == [(3.0, 7.0)]


def test_no_gradient_flows_into_the_network():
    y = torch.zeros(1, 1, 1, 1, requires_grad=True)
    model = Analytic(lambda z, sigma: z * torch.ones((), requires_grad=True), [1.0])
    assert not gradient(model, y.detach(), torch.ones_like(y)).requires_grad
