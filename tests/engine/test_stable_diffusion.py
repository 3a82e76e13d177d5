"""The Stable Diffusion adapter against diffusers itself and against an analytic network."""

import logging
from types import SimpleNamespace

import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline

from sjc_blender.engine.score_models import latents
from sjc_blender.engine.score_models.score_model import Condition
from sjc_blender.engine.score_models.stable_diffusion import StableDiffusion
from sjc_blender.protocol.errors import SjcError

CPU = torch.device("cpu")
PREDICTION_TYPES = ["epsilon", "v_prediction", "sample"]
TEXTS = ["front view of a red chair", "side view of a duck"]


@pytest.fixture(params=PREDICTION_TYPES)
def pipeline(request, tiny_pipeline):
    return load(tiny_pipeline(request.param))


@pytest.fixture
def epsilon_pipeline(tiny_pipeline):
    return load(tiny_pipeline("epsilon"))


def load(folder, **options):
    return StableDiffusionPipeline.from_pretrained(
        folder, safety_checker=None, feature_extractor=None, local_files_only=True, use_safetensors=True, **options
    )


def samples(batch, scale=1.0, seed=0):
    return scale * torch.randn(batch, 4, 8, 8, generator=torch.Generator().manual_seed(seed))


class AnalyticNetwork(torch.nn.Module):
    """The perfect network for latents drawn from N(mean, deviation^2), whatever it is asked to predict."""

    mean, deviation = 0.4, 0.7
    config = SimpleNamespace(in_channels=4, sample_size=8)

    def __init__(self, prediction_type):
        super().__init__()
        self.prediction_type = prediction_type
        self.dtype = torch.float32
        self.calls = []
        betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
        self.alphas_bar = torch.cumprod(1 - betas, dim=0)

    def forward(self, x_t, timestep, encoder_hidden_states, return_dict):
        self.calls.append((x_t, timestep, encoder_hidden_states))
        alpha_bar = self.alphas_bar[timestep]
        x_t = x_t.double()
        # Posterior means of x and n, which are jointly Gaussian with x_t = sqrt(abar) x + sqrt(1 - abar) n.
        residual = x_t - alpha_bar.sqrt() * self.mean
        total = alpha_bar * self.deviation**2 + 1 - alpha_bar
        x = self.mean + alpha_bar.sqrt() * self.deviation**2 / total * residual
        n = (1 - alpha_bar).sqrt() / total * residual
        v = alpha_bar.sqrt() * n - (1 - alpha_bar).sqrt() * x
        return ({"epsilon": n, "v_prediction": v, "sample": x}[self.prediction_type].float(),)


def analytic_model(pipeline, prediction_type):
    network = AnalyticNetwork(prediction_type)
    parts = SimpleNamespace(
        unet=network,
        vae=pipeline.vae,
        text_encoder=pipeline.text_encoder,
        tokenizer=pipeline.tokenizer,
        encode_prompt=pipeline.encode_prompt,
        scheduler=DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type=prediction_type
        ),
    )
    return StableDiffusion(parts, CPU), network


def expected_of_gaussian(z, sigma):
    mean, variance = AnalyticNetwork.mean, AnalyticNetwork.deviation**2
    return (variance * z.double() + sigma**2 * mean) / (variance + sigma**2)


@pytest.mark.parametrize("prediction_type", PREDICTION_TYPES)
def test_one_analytic_denoiser_comes_out_of_every_parameterisation(epsilon_pipeline, prediction_type):
    model, _network = analytic_model(epsilon_pipeline, prediction_type)
    condition = Condition(model.encode([""]))
    timesteps = range(0, 1000, 37)
    assert len(timesteps) >= 20
    for timestep in timesteps:
        sigma = float(model.sigmas[timestep])
        z = AnalyticNetwork.mean + samples(2, scale=(AnalyticNetwork.deviation**2 + sigma**2) ** 0.5, seed=timestep)
        error = (model.denoise(z, timestep, condition).double() - expected_of_gaussian(z, sigma)).abs().max()
        # Noise and v are subtracted from z, whose rounding alone is 1e-7 of its size.
        assert error < 1e-6 * max(1.0, float(z.abs().max())), f"timestep {timestep}"


def test_network_sees_the_variance_preserving_input_and_the_timestep(epsilon_pipeline):
    model, network = analytic_model(epsilon_pipeline, "epsilon")
    z = samples(2, scale=5.0)
    model.denoise(z, 700, Condition(model.encode([""])))
    ((x_t, timestep, embeddings),) = network.calls
    torch.testing.assert_close(x_t, z / (1 + float(model.sigmas[700]) ** 2) ** 0.5)
    assert timestep == 700
    assert len(embeddings) == 2


def test_guidance_evaluates_both_texts_in_one_call_and_at_scale_one_only_the_positive(epsilon_pipeline):
    model, network = analytic_model(epsilon_pipeline, "epsilon")
    positive, negative = model.encode(TEXTS).split(1)
    model.denoise(samples(3), 500, Condition(positive, negative, 7.5))
    model.denoise(samples(3), 500, Condition(positive, negative, 1.0))
    assert [len(x_t) for x_t, _timestep, _embeddings in network.calls] == [6, 3]
    torch.testing.assert_close(network.calls[1][2], positive.expand(3, -1, -1))


def test_denoised_sample_is_what_diffusers_scheduler_predicts(pipeline):
    model = StableDiffusion(pipeline, CPU)
    embeddings = model.encode(TEXTS[:1])
    for timestep in (10, 300, 600, 969):
        z = samples(2, scale=1 + float(model.sigmas[timestep]), seed=timestep)
        x_t = z * pipeline.scheduler.alphas_cumprod[timestep].sqrt()
        with torch.no_grad():
            output = pipeline.unet(x_t, timestep, encoder_hidden_states=embeddings.expand(2, -1, -1)).sample
        pipeline.scheduler.set_timesteps(1000)
        expected = pipeline.scheduler.step(output, timestep, x_t).pred_original_sample
        torch.testing.assert_close(
            model.denoise(z, timestep, Condition(embeddings)), expected, rtol=1e-4, atol=1e-4, msg=f"{timestep=}"
        )


def test_guided_denoiser_is_linear_in_the_scale(pipeline):
    model = StableDiffusion(pipeline, CPU)
    positive, negative = model.encode(TEXTS).split(1)
    z = samples(2, scale=3.0)
    unconditional, conditional = (model.denoise(z, 500, Condition(text)) for text in (negative, positive))
    assert (conditional - unconditional).abs().max() > 1e-4
    for scale in (0.0, 0.5, 5.0, 100.0):
        torch.testing.assert_close(
            model.denoise(z, 500, Condition(positive, negative, scale)),
            unconditional + scale * (conditional - unconditional),
            rtol=1e-3,
            atol=1e-4,
        )


def test_texts_are_embedded_as_the_pipeline_does(epsilon_pipeline):
    expected, _negative = epsilon_pipeline.encode_prompt(TEXTS, CPU, 1, False)
    torch.testing.assert_close(StableDiffusion(epsilon_pipeline, CPU).encode(TEXTS), expected)


def test_samples_are_decoded_as_the_pipeline_does(epsilon_pipeline):
    latents = samples(3)
    with torch.no_grad():
        decoded = epsilon_pipeline.vae.decode(latents / epsilon_pipeline.vae.config.scaling_factor).sample
    expected = epsilon_pipeline.image_processor.postprocess(decoded, output_type="pt")
    images = StableDiffusion(epsilon_pipeline, CPU).decode(latents)
    torch.testing.assert_close(images, expected)
    assert images.shape == (3, 3, 16, 16)
    assert 0 <= images.min() < images.max() <= 1


def test_a_shift_of_the_latents_is_undone(epsilon_pipeline):
    model = StableDiffusion(epsilon_pipeline, CPU)
    without = model.decode(samples(1))
    epsilon_pipeline.vae.register_to_config(shift_factor=0.3)
    scaling = epsilon_pipeline.vae.config.scaling_factor
    torch.testing.assert_close(model.decode(samples(1) - 0.3 * scaling), without)


def test_large_batches_are_decoded_a_few_at_a_time(epsilon_pipeline, monkeypatch):
    model = StableDiffusion(epsilon_pipeline, CPU)
    several = samples(5)
    whole = model.decode(several)
    batches = []
    decode = epsilon_pipeline.vae.decode
    monkeypatch.setattr(latents, "DECODED_PIXELS_AT_ONCE", 2 * 16 * 16)
    monkeypatch.setattr(epsilon_pipeline.vae, "decode", lambda z, **kw: batches.append(len(z)) or decode(z, **kw))
    torch.testing.assert_close(model.decode(several), whole)
    assert batches == [2, 2, 1]


def test_half_precision_is_for_the_networks_only(tiny_pipeline):
    folder = tiny_pipeline("epsilon")
    half, full = (StableDiffusion(load(folder, dtype=dtype), CPU) for dtype in (torch.bfloat16, torch.float32))
    embeddings = half.encode(TEXTS)
    z = samples(2)
    denoised = half.denoise(z, 0, Condition(embeddings))
    assert {embeddings.dtype, denoised.dtype, half.decode(z).dtype} == {torch.float32}
    # sigma = 0.03: had z passed through bfloat16 (8 bits), it would be off by about 4e-3.
    assert (denoised - full.denoise(z, 0, Condition(full.encode(TEXTS)))).abs().max() < 1e-3


def test_nothing_of_the_model_keeps_gradients(epsilon_pipeline):
    model = StableDiffusion(epsilon_pipeline, CPU)
    embeddings = model.encode(TEXTS)
    z = samples(2).requires_grad_()
    assert not any(t.requires_grad for t in (embeddings, model.denoise(z, 500, Condition(embeddings)), model.decode(z)))
    assert not any(p.requires_grad for p in epsilon_pipeline.unet.parameters())
    # Not inference tensors: those could not be multiplied with a render that is back-propagated through.
    (z * model.denoise(z, 500, Condition(embeddings))).sum().backward()


def test_a_prompt_that_is_cut_is_told_with_what_is_lost(epsilon_pipeline, caplog):
    model = StableDiffusion(epsilon_pipeline, CPU)
    with caplog.at_level(logging.WARNING):
        model.encode(["red " * 30, "red " * 30 + "blue chair"])
    assert len(caplog.records) == 1
    assert "it does not see 'blue chair'" in caplog.text


def test_a_network_of_another_task_is_refused(epsilon_pipeline):
    epsilon_pipeline.unet.register_to_config(in_channels=9)
    with pytest.raises(SjcError, match="9 channels") as error:
        StableDiffusion(epsilon_pipeline, CPU)
    assert error.value.code == "unsupported_pipeline"


def test_an_unknown_prediction_type_is_refused(epsilon_pipeline):
    epsilon_pipeline.scheduler.register_to_config(prediction_type="flow_prediction")
    with pytest.raises(SjcError, match=r"'flow_prediction'; supported are epsilon, v_prediction, sample") as error:
        StableDiffusion(epsilon_pipeline, CPU)
    assert error.value.code == "unsupported_pipeline"


def test_a_text_model_without_a_text_says_so(epsilon_pipeline):
    with pytest.raises(ValueError, match="empty text"):
        StableDiffusion(epsilon_pipeline, CPU).denoise(samples(1), 500, Condition())
