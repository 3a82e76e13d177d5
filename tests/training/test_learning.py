# SPDX-License-Identifier: GPL-3.0-or-later
"""A few optimisation steps on a tiny batch lower the loss."""

import numpy as np
import pytest
import torch

from training import autoencoder, captions, denoiser
from training.dataset import NAMES, Views
from training.muon import Muon, divide, orthogonalise
from training.parallel import Averager
from training.text import CaptionEncoder, build_encoder, build_tokenizer
from training.tracing import Camera, shade


@pytest.fixture(scope="module")
def views() -> Views:
    base, mask = shade("duck", [Camera(0, 20), Camera(90, 20)], 64, samples=1)
    camera = np.array([[0, 20, 2, 55], [90, 20, 2, 55]], np.float32)
    return Views(
        np.array([NAMES.index("duck")] * 2), camera, (base * 255).astype(np.uint8), (mask * 255).astype(np.uint8)
    )


def test_encoder_computes_pooled_colours_exactly(views):
    vae = autoencoder.build()
    pictures = autoencoder.batch_of(views, np.arange(2), np.array([0, 4]), np.random.default_rng(0))
    with torch.no_grad():
        encoded = vae.encode(pictures).latent_dist
        grey = vae.encode(torch.zeros(1, 3, 64, 64)).latent_dist.mean
    assert (encoded.mean - autoencoder.pooled_latents(pictures)).abs().max() < 1e-3
    assert encoded.std.max() < 1e-5
    assert grey.abs().max() < 1e-4


def test_decoder_ignores_what_no_picture_has():
    vae = autoencoder.build()
    latents = torch.randn(1, 4, 8, 8)
    odd = torch.ones(1, 4, 1, 1)
    autoencoder.ignore_what_no_picture_has(vae)
    with torch.no_grad():
        assert (vae.decode(latents).sample - vae.decode(latents + odd).sample).abs().max() < 1e-4
        pictures = torch.rand(1, 3, 16, 16) * 2 - 1
        seen = vae.post_quant_conv(autoencoder.pooled_latents(pictures))
    assert (seen - autoencoder.pooled_latents(pictures)).abs().max() < 1e-5


def test_decoder_learns(views):
    torch.manual_seed(0)
    vae = autoencoder.build()
    optimiser = torch.optim.AdamW(vae.decoder.parameters(), 3e-3)
    pictures = autoencoder.batch_of(views, np.arange(2), np.array([0, 4]), np.random.default_rng(0))
    losses = []
    for _ in range(6):
        optimiser.zero_grad()
        loss = autoencoder.objective(vae, pictures)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_muon_orthogonalises():
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalise(torch.randn(24, 60)))
    assert values.min() > 0.5
    assert values.max() < 1.3


def test_denoiser_and_text_encoder_learn(views):
    torch.manual_seed(0)
    tokenizer = build_tokenizer()
    unet, encoder = denoiser.build(), build_encoder(tokenizer)
    embed = CaptionEncoder(tokenizer, encoder)
    parameters = [*unet.parameters(), *encoder.parameters()]
    averager = Averager(parameters)
    matrices, rest = divide(unet, encoder.parameters())
    optimisers = [torch.optim.AdamW(rest, 1e-3), Muon(matrices, 1e-3)]
    latents = torch.randn(2, 4, 32, 32)
    texts = [captions.exact(10.0, 20.0, "a red duck"), captions.exact(200.0, 20.0, "a blue car")]
    timesteps = torch.tensor([300, 700])
    losses = []
    for _ in range(5):
        averager.clear()
        torch.manual_seed(1)
        loss = denoiser.objective(unet, latents, embed(texts), denoiser.alphas(), timesteps)
        loss.backward()
        averager.clip(1.0)
        for optimiser in optimisers:
            optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())


def test_average_follows_the_parameters():
    parameter = torch.nn.Parameter(torch.zeros(3))
    average = denoiser.Average([parameter])
    parameter.data += 1.0
    for _ in range(50):
        average.update()
    assert average.values[0][0] > 0.9
