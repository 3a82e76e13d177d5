# SPDX-License-Identifier: GPL-3.0-or-later
"""Between latents and pictures by a model's own autoencoder; between colours and features of pixels."""

from __future__ import annotations

from typing import Any

import torch

DECODED_PIXELS_AT_ONCE = 512 * 512


def tile_decoder(vae: Any, tile: int) -> None:
    """Let a decoder make pictures of more than `tile` pixels a side in tiles of that side, which it blends."""
    vae.enable_tiling()
    vae.tile_sample_min_size = tile
    vae.tile_latent_min_size = tile // decoder_scale(vae.config)


def decoder_scale(config: Any) -> int:
    """Pixels a latent's side becomes."""
    return int(2 ** (len(config.block_out_channels) - 1))


NEAREST = 0.998
"""Share of full white or black that a squashed feature reaches at the start."""


def squashed(colour: torch.Tensor) -> torch.Tensor:
    """The feature whose colour 2 sigmoid(f) - 1 is a sample of a model of pixels in [-1, 1], or next to it."""
    return torch.logit((colour.double() * NEAREST + 1) / 2)


@torch.no_grad()
def encode_pictures(vae: Any, pictures: torch.Tensor) -> torch.Tensor:
    """Encode pictures [B, 3, h, w] in [-1, 1] as scaled latents, float32: the inverse of `decode_latents`."""
    config, encoded = vae.config, vae.encode(pictures.to(vae.dtype))
    if not hasattr(encoded, "latent_dist"):  # of a vector-quantised one, whose latents are not scaled
        return encoded.latents.float()  # type: ignore[no-any-return]
    latents = encoded.latent_dist.mode().float()
    statistics = _statistics(config, latents)
    if statistics is not None:
        mean, std = statistics
        return (latents - mean) * config.scaling_factor / std
    shift = getattr(config, "shift_factor", None) or 0.0
    scaled: torch.Tensor = (latents - shift) * config.scaling_factor
    return scaled


def _statistics(config: Any, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Mean and deviation of the latents' channels, where an autoencoder tells them."""
    if not (getattr(config, "latents_mean", None) and getattr(config, "latents_std", None)):
        return None
    mean, std = (torch.tensor(v).to(like).reshape(1, -1, 1, 1) for v in (config.latents_mean, config.latents_std))
    return mean, std


@torch.no_grad()
def decode_latents(vae: Any, samples: torch.Tensor) -> torch.Tensor:
    """Decode scaled latents, a few pictures at a time, to bound the memory.

    Parameters
    ----------
    vae : AutoencoderKL
        It runs in its own dtype.
    samples : Tensor [B, C, H, W], float32
        Latents as the diffusion network knows them.

    Returns
    -------
    Tensor [B, 3, h, w], float32
        sRGB in [0, 1].
    """
    config = vae.config
    statistics = _statistics(config, samples)
    if statistics is not None:
        mean, std = statistics
        latents = samples * std / config.scaling_factor + mean
    else:
        latents = samples / config.scaling_factor + (getattr(config, "shift_factor", None) or 0.0)
    pixels = latents.shape[2] * latents.shape[3] * decoder_scale(config) ** 2
    chunks = latents.to(vae.dtype).split(max(1, DECODED_PIXELS_AT_ONCE // pixels))
    return pixels_to_srgb(torch.cat([vae.decode(chunk, return_dict=False)[0].float() for chunk in chunks]))


def pixels_to_srgb(samples: torch.Tensor) -> torch.Tensor:
    """Take [-1, 1] to [0, 1]."""
    return (samples / 2.0 + 0.5).clamp(0.0, 1.0)
