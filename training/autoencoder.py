# SPDX-License-Identifier: GPL-3.0-or-later
"""The autoencoder: 64x64 pictures to 4x32x32 latents and back.

Beside reconstructing pictures, the latents are pulled towards a linear
function of the pooled colours: a volume renderer mixes latents linearly, and
the mixtures must still decode.
"""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor, nn

from training import dataset
from training.parallel import Averager, launch, share
from training.shapes import BACKGROUND, COLOURS

PALETTE: np.ndarray = np.array(list(COLOURS.values()), dtype=np.float32)
_KL = 1e-4
_LINEAR = 0.05


def build() -> AutoencoderKL:
    """Return an untrained autoencoder."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
        block_out_channels=(16, 16),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=dataset.SIZE,
        mid_block_add_attention=False,
        force_upcast=False,
    )


def batch_of(views: dataset.Views, index: np.ndarray, colour: np.ndarray, generator: np.random.Generator) -> Tensor:
    """Return pictures ``[k, 3, 64, 64]`` in -1..1, their colours slightly varied."""
    shade = PALETTE[colour] + generator.normal(0.0, 0.015, (len(index), 3))
    pictures = torch.from_numpy(views.pictures(index, shade.clip(0, 1)))
    return pictures.permute(0, 3, 1, 2).contiguous().clamp(0, 1) * 2.0 - 1.0


def objective(vae: AutoencoderKL, linear: nn.Module, pictures: Tensor) -> Tensor:
    """Return the loss of one batch."""
    posterior = vae.encode(pictures).latent_dist
    decoded = vae.decode(posterior.sample()).sample
    pooled = F.avg_pool2d(pictures, 2)
    spread = posterior.mean.detach().var().clamp_min(1e-3)
    deviation = (posterior.mean - linear(pooled)).square().mean() / spread
    error = decoded - pictures
    return (
        error.abs().mean()
        + 2.0 * error.square().mean()
        + _KL * posterior.kl().mean() / posterior.mean[0].numel()
        + _LINEAR * deviation
    )


def centre(vae: AutoencoderKL, views: dataset.Views) -> None:
    """Move the empty background's latent to zero and set the scaling factor.

    The shift is folded into the convolutions next to the latents, so the
    model stays an ordinary autoencoder.
    """
    generator = np.random.default_rng(7)
    with torch.no_grad():
        grey = torch.tensor(BACKGROUND)[None, :, None, None].expand(1, 3, 64, 64) * 2.0 - 1.0
        mean = vae.encode(grey).latent_dist.mean[0, :, 8:-8, 8:-8].mean((1, 2))
        vae.quant_conv.bias[:4] -= mean
        vae.post_quant_conv.bias += vae.post_quant_conv.weight[:, :, 0, 0] @ mean
        index = generator.choice(len(views), min(512, len(views)), replace=False)
        colour = generator.integers(len(PALETTE), size=len(index))
        pictures = batch_of(views, index, colour, generator)
        deviation = vae.encode(pictures).latent_dist.mean.std()
    vae.register_to_config(scaling_factor=round(1.0 / float(deviation), 6))


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
    vae, linear = build(), nn.Conv2d(3, 4, 1)
    parameters = [*vae.parameters(), *linear.parameters()]
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
        loss = objective(vae, linear, batch_of(views, index, colour, generator))
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
        before = quality(vae, heldout)
        centre(vae, views)
        vae.save_pretrained(root / "vae")
        after = quality(vae, heldout)
        print(f"vae {before:.2f} dB, centred {after:.2f} dB, {step} steps", flush=True)
        (root / "vae" / "quality.txt").write_text(f"{after:.2f} {step} {seconds:.0f}\n")


def train(folder: Path, seconds: float = 230.0, batch: int = 8, world: int = 2) -> None:
    """Train the autoencoder on ``folder/data`` and save it as ``folder/vae``."""
    launch(_work, world, str(folder), seconds, batch)
