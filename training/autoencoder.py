# SPDX-License-Identifier: GPL-3.0-or-later
"""The autoencoder: 64x64 pictures to 4x32x32 latents and back.

The encoder is constructed, not trained: its latents are exactly a linear
function of the colours of 2x2 pixels. A volume renderer mixes latents
linearly, so what it renders is what the encoder would make of a picture of
the same volume. Only the decoder is trained; it learns to restore the edges.
"""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor

from training import dataset
from training.parallel import Averager, launch, share
from training.shapes import COLOURS

PALETTE: np.ndarray = np.array(list(COLOURS.values()), dtype=np.float32)
GOOD = 32.0
"""Decibels on held-out pictures from which the decoder of an earlier model is kept as it is."""
_FRAME = ((1.0, 1.0, 1.0), (1.0, -1.0, -1.0), (-1.0, 1.0, -1.0), (-1.0, -1.0, 1.0))
"""What each latent channel measures: the corners of a tetrahedron in colour space."""
_ANCHOR = 64.0
"""A constant in the encoder's channels, against which normalisation hardly sees the picture."""


def build() -> AutoencoderKL:
    """Return an untrained autoencoder."""
    vae = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
        block_out_channels=(16, 16),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=2,
        sample_size=dataset.SIZE,
        mid_block_add_attention=False,
        force_upcast=False,
    )
    construct_encoder(vae)
    return vae


@torch.no_grad()
def construct_encoder(vae: AutoencoderKL) -> None:
    """Set the encoder's weights so that it computes pooled colours in the frame `_FRAME`.

    The channels carry the colours, their negatives and a constant with its
    negative, so a group's mean is zero and its deviation constant. The
    activation is undone by ``silu(x) - silu(-x) = x``.
    """
    encoder = vae.encoder
    for parameter in encoder.parameters():
        parameter.zero_()
        parameter.requires_grad_(False)
    for k in range(3):
        encoder.conv_in.weight[2 * k, k, 1, 1] = 1.0
        encoder.conv_in.weight[2 * k + 1, k, 1, 1] = -1.0
    signs = torch.tensor([1.0, -1.0])
    encoder.conv_in.bias[6:8] = _ANCHOR * signs
    encoder.conv_in.bias[8:16] = _ANCHOR * signs.repeat(4)
    halving = encoder.down_blocks[0].downsamplers[0].conv
    for channel in range(16):
        halving.weight[channel, channel, :2, :2] = 0.25
    # One group of eight channels has the variance (2 * anchor ** 2) / 8.
    encoder.conv_norm_out.weight.fill_(_ANCHOR / 2.0)
    frame = torch.tensor(_FRAME)
    for k in range(3):
        encoder.conv_out.weight[:4, 2 * k, 1, 1] = frame[:, k]
        encoder.conv_out.weight[:4, 2 * k + 1, 1, 1] = -frame[:, k]
    encoder.conv_out.bias[4:] = -30.0
    for parameter in [*vae.quant_conv.parameters(), *vae.post_quant_conv.parameters()]:
        parameter.zero_()
        parameter.requires_grad_(False)
    for channel in range(8):
        vae.quant_conv.weight[channel, channel] = 1.0
    for channel in range(4):
        vae.post_quant_conv.weight[channel, channel] = 1.0


@torch.no_grad()
def ignore_what_no_picture_has(vae: AutoencoderKL) -> None:
    """Make the decoder ignore the one direction of latent space in which no picture lies.

    Four channels hold three colours. A volume whose features start at random
    has all four, and the decoder never met the rest.
    """
    frame = torch.tensor(_FRAME)
    vae.post_quant_conv.weight.copy_((frame @ torch.linalg.pinv(frame))[:, :, None, None])


def batch_of(views: dataset.Views, index: np.ndarray, colour: np.ndarray, generator: np.random.Generator) -> Tensor:
    """Return pictures ``[k, 3, 64, 64]`` in -1..1, their colours slightly varied."""
    shade = PALETTE[colour] + generator.normal(0.0, 0.015, (len(index), 3))
    pictures = torch.from_numpy(views.pictures(index, shade.clip(0, 1)))
    return pictures.permute(0, 3, 1, 2).contiguous().clamp(0, 1) * 2.0 - 1.0


def pooled_latents(pictures: Tensor) -> Tensor:
    """Return what the encoder computes (unscaled), directly and much faster."""
    return torch.einsum("ck,nkhw->nchw", torch.tensor(_FRAME), F.avg_pool2d(pictures, 2))


def objective(vae: AutoencoderKL, pictures: Tensor) -> Tensor:
    """Return the loss of one batch: every other picture is mixed with its neighbour.

    Mixtures are what a half-finished volume looks like.
    """
    share_of = torch.rand(len(pictures), 1, 1, 1) * (torch.arange(len(pictures)) % 4 == 3)[:, None, None, None]
    mixed = pictures + share_of * (pictures.roll(1, 0) - pictures)
    error = vae.decode(pooled_latents(mixed)).sample - mixed
    return error.abs().mean() + 2.0 * error.square().mean()


def normalise(vae: AutoencoderKL, views: dataset.Views) -> None:
    """Set the scaling factor that gives latents a standard deviation of one."""
    generator = np.random.default_rng(7)
    index = generator.choice(len(views), min(512, len(views)), replace=False)
    pictures = batch_of(views, index, generator.integers(len(PALETTE), size=len(index)), generator)
    deviation = pooled_latents(pictures).std()
    vae.register_to_config(scaling_factor=round(1.0 / float(deviation), 4))


def quality(vae: AutoencoderKL, views: dataset.Views) -> float:
    """Return the reconstruction's signal-to-noise ratio in decibels."""
    generator = np.random.default_rng(11)
    index = generator.choice(len(views), min(256, len(views)), replace=False)
    colour = generator.integers(len(PALETTE), size=len(index))
    with torch.no_grad():
        pictures = batch_of(views, index, colour, generator)
        decoded = vae.decode(vae.encode(pictures).latent_dist.mean).sample.clamp(-1, 1)
        error = ((decoded - pictures) / 2.0).square().mean((1, 2, 3))
    return float((-10.0 * error.log10()).mean())


def _work(rank: int, world: int, folder: str, seconds: float, batch: int) -> None:
    root = Path(folder)
    views = dataset.load(root / "data")
    generator = np.random.default_rng(rank)
    vae = AutoencoderKL.from_pretrained(root / "vae")
    parameters = list(vae.decoder.parameters())
    share(p.data for p in parameters)
    averager = Averager(parameters)
    optimiser = torch.optim.AdamW(parameters, 3e-3, betas=(0.9, 0.99), weight_decay=1e-4)
    begin, step, done = time.monotonic(), 0, 0.0
    while done < 1.0:
        rate = 3e-3 * min(1.0, (step + 1) / 50) * (0.02 + 0.98 * math.cos(0.5 * math.pi * done))
        for group in optimiser.param_groups:
            group["lr"] = rate
        index = generator.integers(len(views), size=batch)
        colour = generator.integers(len(PALETTE), size=batch)
        averager.clear()
        loss = objective(vae, batch_of(views, index, colour, generator))
        loss.backward()
        averager.extras[0] = (time.monotonic() - begin) / seconds
        averager.extras[1] = loss.item()
        averager.average()
        averager.clip(1.0)
        optimiser.step()
        done, step = float(averager.extras[0]), step + 1
        if rank == 0 and step % 100 == 0:
            print(f"vae step {step} done {done:.2f} loss {averager.extras[1]:.4f}", flush=True)
    if rank == 0:
        heldout = dataset.load(root / "data", "heldout.npz")
        vae.save_pretrained(root / "vae")
        after = quality(vae, heldout)
        print(f"vae {after:.2f} dB, {step} steps", flush=True)
        (root / "vae" / "quality.txt").write_text(f"{after:.2f} {step} {seconds:.0f}\n")


def prepare(folder: Path) -> None:
    """Save the autoencoder with its encoder ready and its decoder untrained."""
    vae = build()
    normalise(vae, dataset.load(folder / "data", "heldout.npz"))
    vae.save_pretrained(folder / "vae")


def train(folder: Path, seconds: float = 400.0, batch: int = 8, world: int = 2, warm: bool = False) -> None:
    """Train the decoder on ``folder/data`` and save it in ``folder/vae``; `warm` continues from there."""
    if not warm:
        prepare(folder)
    launch(_work, world, str(folder), seconds, batch)
