"""Guidance rescale: the contrast of a guided picture against that of the unguided one."""

from types import SimpleNamespace

import pytest
import torch

from sjc_blender.engine.score_models.contrast import with_contrast_of
from sjc_blender.engine.score_models.noise_levels import sigma_table
from sjc_blender.engine.score_models.pipeline_model import PipelineModel
from sjc_blender.engine.score_models.preconditioning import VARIANCE_PRESERVING, preconditioning
from sjc_blender.engine.score_models.score_model import Condition


def pictures(seed, deviation=1.0, shape=(2, 4, 8, 8)):
    return deviation * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def deviations(samples):
    return samples.std(dim=(1, 2, 3))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
def test_each_picture_goes_from_its_own_deviation_to_that_of_the_reference(share):
    reference, guided = pictures(0), pictures(1) * torch.tensor([3.0, 10.0]).view(2, 1, 1, 1)
    scaled = with_contrast_of(reference, guided, share)
    expected = share * deviations(reference) + (1 - share) * deviations(guided)
    torch.testing.assert_close(deviations(scaled), expected)
    # Nothing but the scale is changed.
    one, other = (samples / deviations(samples).view(2, 1, 1, 1) for samples in (scaled, guided))
    torch.testing.assert_close(one, other)


def test_a_picture_without_contrast_stays_finite():
    assert with_contrast_of(pictures(0), torch.zeros(2, 4, 8, 8, dtype=torch.float64), 1.0).abs().max() == 0


class Gaussians(PipelineModel):
    """The exact network, of any prediction type, for data N(embedding, 0.5^2), through the shared adapter."""

    networks = ()
    deviation = 0.5

    def __init__(self, prediction_type):
        super().__init__(SimpleNamespace(), torch.device("cpu"))
        self.prediction_type, self.channels, self.sample_size, self.dtype = prediction_type, 4, 8, torch.float64
        schedule = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
        self.sigmas = sigma_table({**schedule, "num_train_timesteps": 1000})

    def denoised(self, z, mean, sigma):
        return (self.deviation**2 * z + sigma**2 * mean) / (self.deviation**2 + sigma**2)

    def _predict(self, network_input, timestep, embeddings):
        sigma = float(self.sigmas[timestep])
        factors = preconditioning(self.prediction_type, sigma)
        z = network_input / factors.c_in
        return (self.denoised(z, embeddings, sigma) - factors.c_skip * z) / factors.c_out


@pytest.mark.parametrize("prediction_type", VARIANCE_PRESERVING)
@pytest.mark.parametrize("timestep", [100, 500, 900])
def test_whatever_the_network_predicts_the_denoised_picture_is_rescaled(prediction_type, timestep):
    model = Gaussians(prediction_type)
    sigma = float(model.sigmas[timestep])
    positive, negative = pictures(2, shape=(1, 4, 8, 8)), pictures(3, shape=(1, 4, 8, 8))
    z = positive + sigma * pictures(4)
    of_positive, of_negative = (model.denoised(z, mean, sigma) for mean in (positive, negative))
    guided = of_negative + 7.5 * (of_positive - of_negative)
    factor = (deviations(of_positive) / deviations(guided)).view(2, 1, 1, 1)
    found = model.denoise(z, timestep, Condition(positive, negative, 7.5, rescale=0.7))
    expected = guided * (0.7 * factor + 0.3)
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-5 * sigma)
    assert float((expected - guided).abs().max()) > 0.1
