# SPDX-License-Identifier: GPL-3.0-or-later
"""Training of a ControlNet for depth on top of the built-in prior, whose own weights stay as they are.

No caption says how an object is proportioned, and the prior makes all in the same proportions. Its ControlNet sees
objects that are stretched along each axis, with the depth of the same view, and learns to follow that.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from torch import Tensor

from sjc_blender.engine.radiance.guide_picture import depth_picture
from training import captions, dataset
from training.assemble import load
from training.autoencoder import PALETTE, batch_of, pooled_latents
from training.denoiser import COLOUR_NAMES, Average, alphas, draw_timesteps
from training.text import CaptionEncoder
from training.tracing import closeness, shade

NEVER_STRETCHED = ("house", "rocket")
"""Objects that the ControlNet is not shown at all: with them it is tried whether it has learned to follow a depth."""

SPREAD, STRETCH = 0.05, (0.6, 1.1)
VIEWS_PER_SHAPE = 3
RATE = 1e-3
BATCH = 8


@dataclass(frozen=True)
class Guided:
    """Views of stretched objects.

    Attributes
    ----------
    views : Views
    depth : ndarray of uint8 [n, 64, 64]
        Depth pictures of the same views.
    """

    views: dataset.Views
    depth: np.ndarray

    def mirrored(self) -> Guided:
        """Return the mirror images."""
        return Guided(self.views.mirrored(), self.depth[:, :, ::-1])


def trace(path: Path, count: int, seed: int) -> None:
    """Trace `count` views of stretched objects into the file `path`."""
    generator = np.random.default_rng(seed)
    names = [name for name in dataset.NAMES if name not in NEVER_STRETCHED]
    kinds: list[int] = []
    cameras: list[tuple[float, float, float, float]] = []
    bases: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    depths: list[np.ndarray] = []
    while len(kinds) < count:
        name = names[generator.integers(len(names))]
        x, y, z = (float(factor) for factor in generator.uniform(*STRETCH, 3))
        stretch = x, y, z
        variation = int(generator.integers(2**31))
        views = [dataset.draw_camera(generator) for _ in range(VIEWS_PER_SHAPE)]
        base, mask = shade(name, views, dataset.SIZE, variation, spread=SPREAD, stretch=stretch)
        depth = depth_picture(closeness(name, views, dataset.SIZE, variation, SPREAD, stretch))
        kinds += [dataset.NAMES.index(name)] * len(views)
        cameras += [(view.azimuth, view.elevation, view.distance, view.fov) for view in views]
        for kept, pictures in ((bases, base), (masks, mask), (depths, depth.numpy())):
            kept.append((pictures.clip(0, 1) * 255.0 + 0.5).astype(np.uint8))
    temporary = path.with_suffix(".partial.npz")
    np.savez(
        temporary,
        kind=np.array(kinds, np.int64),
        camera=np.array(cameras, np.float32),
        base=np.concatenate(bases),
        mask=np.concatenate(masks),
        depth=np.concatenate(depths),
    )
    temporary.replace(path)


def read(path: Path) -> Guided:
    """Read what `trace` has written."""
    with np.load(path, allow_pickle=False) as data:
        views = dataset.Views(data["kind"], data["camera"], data["base"], data["mask"])
        return Guided(views, data["depth"])


def build(unet: UNet2DConditionModel) -> ControlNetModel:
    """Return a ControlNet for a denoiser that changes nothing yet, with the denoiser's weights where they fit.

    The denoiser's time embedding is wider than a ControlNet can have, so that and what hangs on it begin at random.
    """
    network = ControlNetModel.from_unet(
        unet, conditioning_embedding_out_channels=(16, 32), load_weights_from_unet=False
    )
    own, theirs = network.state_dict(), unet.state_dict()
    fitting = {name: value for name, value in theirs.items() if name in own and own[name].shape == value.shape}
    network.load_state_dict(fitting, strict=False)
    return network


def train(folder: Path, model: Path, target: Path, seconds: float, count: int = 2400) -> None:
    """Train a ControlNet for the assembled `model` in so many seconds of processor time, and save it as `target`."""
    torch.manual_seed(11)
    path = folder / "stretched.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        trace(path, count, seed=2024)
    sides = [read(path)]
    sides.append(sides[0].mirrored())
    pipeline = load(model)
    unet = pipeline.unet.eval().requires_grad_(False)
    embed = CaptionEncoder(pipeline.tokenizer, pipeline.text_encoder.eval().requires_grad_(False))
    network = build(unet)
    optimiser = torch.optim.AdamW(network.parameters(), RATE, betas=(0.9, 0.99), weight_decay=0.01)
    average = Average(network.parameters())
    generator = np.random.default_rng(5)
    table, scale = alphas(), pipeline.vae.config.scaling_factor
    begin, told, done, recent, step = time.process_time(), time.monotonic(), 0.0, 0.0, 0
    while done < 1.0:
        rate = RATE * min(1.0, (step + 1) / 60) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))
        for group in optimiser.param_groups:
            group["lr"] = rate
        latents, depth, texts = _draw(sides[int(generator.integers(2))], scale, generator)
        loss = _loss(unet, network, latents, depth, embed(texts), table)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        average.update()
        step, done = step + 1, (time.process_time() - begin) / seconds
        recent += (loss.item() - recent) * max(0.005, 1 / step)
        if time.monotonic() - told > 60:
            told = time.monotonic()
            print(f"step {step} seen {step * BATCH} done {done:.2f} loss {recent:.4f}", flush=True)
            _save(network, average, target)
    _save(network, average, target)


def _save(network: ControlNetModel, average: Average, target: Path) -> None:
    kept = [parameter.detach().clone() for parameter in network.parameters()]
    with torch.no_grad():
        for parameter, value in zip(network.parameters(), average.values, strict=True):
            parameter.copy_(value)
        network.save_pretrained(target, safe_serialization=True)
        for parameter, value in zip(network.parameters(), kept, strict=True):
            parameter.copy_(value)


def _draw(side: Guided, scale: float, generator: np.random.Generator) -> tuple[Tensor, Tensor, list[captions.Weighted]]:
    index = generator.integers(len(side.depth), size=BATCH)
    colours = generator.integers(len(PALETTE), size=BATCH)
    pictures = batch_of(side.views, index, colours, generator)
    depth = torch.from_numpy(side.depth[index].astype(np.float32) / 255.0)[:, None].expand(-1, 3, -1, -1)
    texts = [
        captions.draw(
            COLOUR_NAMES[colour],
            dataset.NAMES[side.views.kind[place]],
            float(side.views.camera[place, 0]),
            float(side.views.camera[place, 1]),
            generator,
        )
        for place, colour in zip(index, colours, strict=True)
    ]
    return pooled_latents(pictures) * scale, depth, texts


def _loss(
    unet: UNet2DConditionModel,
    network: ControlNetModel,
    latents: Tensor,
    depth: Tensor,
    states: Tensor,
    table: Tensor,
) -> Tensor:
    timesteps = draw_timesteps(len(latents))
    abar = table[timesteps][:, None, None, None]
    noise = torch.randn_like(latents)
    noisy = abar.sqrt() * latents + (1 - abar).sqrt() * noise
    target = abar.sqrt() * noise - (1 - abar).sqrt() * latents
    down, middle = network(noisy, timesteps, states, depth, return_dict=False)
    predicted = unet(
        noisy, timesteps, states, down_block_additional_residuals=down, mid_block_additional_residual=middle
    ).sample
    return (predicted - target).square().mean()
