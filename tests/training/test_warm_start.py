# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting from the weights of a model that knows fewer words."""

from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from transformers import CLIPTokenizer

from training import autoencoder, denoiser, warm_start
from training.assemble import write_tokenizer_tables
from training.text import CaptionEncoder, build_encoder, build_tokenizer


@pytest.fixture(scope="module")
def older() -> CLIPTokenizer:
    """A tokenizer that never met the words "bear" and "teapot"."""
    with pytest.MonkeyPatch.context() as patch:
        from training import text

        known = [word for word in text.words() if word not in ("bear", "teapot")]
        patch.setattr(text, "words", lambda: known)
        return build_tokenizer()


@pytest.fixture(scope="module")
def model(older, tmp_path_factory) -> tuple[Path, StableDiffusionPipeline]:
    torch.manual_seed(3)
    pipeline = StableDiffusionPipeline(
        vae=autoencoder.build(),
        text_encoder=build_encoder(older).eval(),
        tokenizer=older,
        unet=denoiser.build().eval(),
        scheduler=denoiser.scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    folder = tmp_path_factory.mktemp("model")
    pipeline.save_pretrained(folder)
    write_tokenizer_tables(older, folder / "tokenizer")
    return folder, pipeline


def test_a_caption_of_known_words_means_what_it_meant_although_its_numbers_changed(older, model):
    folder, pipeline = model
    present = build_tokenizer()
    caption = "front left low view of a red rocket"
    assert present(caption).input_ids != older(caption).input_ids, "else nothing is carried over"
    encoder = build_encoder(present).eval()
    fresh = warm_start.adopt_encoder(encoder, present, folder)
    assert 2 <= fresh < len(present) / 4
    with torch.no_grad():
        was = CaptionEncoder(older, pipeline.text_encoder)([[(caption, 1.0)]])
        now = CaptionEncoder(present, encoder)([[(caption, 1.0)]])
        bear = CaptionEncoder(present, encoder)([[("a red bear", 1.0)]])
    words = len(older(caption).input_ids)
    assert (now - was)[:, :words].abs().max() < 1e-5
    assert bear.isfinite().all()


def test_the_denoiser_predicts_what_it_predicted(model):
    folder, pipeline = model
    unet = denoiser.build().eval()
    warm_start.adopt_denoiser(unet, folder)
    latents, states = torch.randn(1, 4, 32, 32), torch.randn(1, 20, 64)
    with torch.no_grad():
        was, now = (network(latents, 500, states).sample for network in (pipeline.unet, unet))
    assert (was - now).abs().max() < 1e-6


def test_the_autoencoder_keeps_its_scale(model, tmp_path):
    folder, _ = model
    vae = AutoencoderKL.from_pretrained(folder / "vae")
    vae.register_to_config(scaling_factor=1.75)
    vae.save_pretrained(folder / "vae")
    from training.dataset import trace_shard

    (tmp_path / "data").mkdir()
    trace_shard(tmp_path / "data" / "heldout.npz", 6, 1, {})
    warm_start.adopt_autoencoder(tmp_path, folder)
    assert AutoencoderKL.from_pretrained(tmp_path / "vae").config.scaling_factor == 1.75
