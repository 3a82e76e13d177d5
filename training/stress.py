# SPDX-License-Identifier: GPL-3.0-or-later
"""The stress prior: a small model with the faults of large ones, to measure the shared presets with.

``python -m training.stress FOLDER`` trains it from the weights of the built-in prior. It is a plain Stable Diffusion
folder without a profile, so the add-on treats it as any model that it never saw. It knows six objects in pictures of
32 x 32 pixels (latents of 16 x 16), and, unlike the built-in prior:

- of views only the paper's four texts, in half of its captions, and three quarters of its pictures are from the front;
- what is behind an object is of any colour: plain, shaded, with a horizon, spotted;
- an object's proportions, its size in the picture and the lens differ widely from picture to picture.

It does not ship.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from torch import Tensor
from torch.nn import functional

from sjc_blender.protocol.views import PAPER_VIEWS
from training import captions, denoiser, warm_start
from training.assemble import forget_origin, write_tokenizer_tables
from training.autoencoder import PALETTE, pooled_latents
from training.dataset import NAMES, Views
from training.muon import Muon, divide
from training.shapes import BACKGROUND
from training.text import CaptionEncoder, build_encoder, build_tokenizer
from training.tracing import Camera, shade

BUILTIN = Path(__file__).resolve().parent.parent / "sjc_blender" / "models" / "builtin"
OBJECTS = ("duck", "car", "chair", "house", "snowman", "bear")
SPREAD = 0.15
FRONT_SHARE = 0.75
VIEW_SHARE = 0.5
"""Of the captions with an object, how many tell the view."""
ELEVATION = (-6.0, 35.0)
HIGH = (35.0, 80.0)
HIGH_SHARE = 0.2
DISTANCE = (1.7, 2.6)
HALF_WIDTH = (0.95, 1.35)
"""Of the picture at the object's middle, in domain units: how large the object is in it."""
TRACED, SIZE = 64, 32
VIEWS_PER_SHAPE = 6


def draw_camera(generator: np.random.Generator) -> Camera:
    """Return a random camera, three times in four within 45 degrees of the front."""
    front = generator.random() < FRONT_SHARE
    azimuth = generator.uniform(-45.0, 45.0) if front else generator.uniform(45.0, 315.0)
    elevation = generator.uniform(*(HIGH if generator.random() < HIGH_SHARE else ELEVATION))
    distance = generator.uniform(*DISTANCE)
    fov = 2.0 * math.degrees(math.atan(generator.uniform(*HALF_WIDTH) / distance))
    return Camera(float(azimuth % 360.0), float(elevation), float(distance), fov)


def trace(count: int, seed: int) -> Views:
    """Trace `count` views, each pixel one sample of a finer picture."""
    generator = np.random.default_rng(seed)
    found: list[Views] = []
    for _ in range(math.ceil(count / VIEWS_PER_SHAPE)):
        kind = NAMES.index(str(generator.choice(OBJECTS)))
        cameras = [draw_camera(generator) for _ in range(VIEWS_PER_SHAPE)]
        shape = int(generator.integers(2**31))
        base, mask = shade(NAMES[kind], cameras, TRACED, seed=shape, samples=1, spread=SPREAD)
        told = np.array([(c.azimuth, c.elevation, c.distance, c.fov) for c in cameras], np.float32)
        pictures = ((part.clip(0, 1) * 255.0 + 0.5).astype(np.uint8) for part in (base, mask))
        found.append(Views(np.full(VIEWS_PER_SHAPE, kind), told, *pictures))
    return Views.joined(found)


def backgrounds(count: int, generator: np.random.Generator) -> np.ndarray:
    """Return random surroundings ``[count, 64, 64, 3]`` in 0..1: plain, shaded, with a horizon, spotted."""
    first, second = generator.random((2, count, 1, 1, 3))
    down = np.linspace(0.0, 1.0, TRACED)[None, :, None, None]
    horizon = generator.uniform(0.3, 0.8, (count, 1, 1, 1))
    spots = generator.random((count, 8, 8, 1)).repeat(TRACED // 8, 1).repeat(TRACED // 8, 2)
    amount = np.stack([0 * down + 0 * horizon, down + 0 * horizon, (down > horizon) * 1.0])
    amount = np.concatenate([np.broadcast_to(amount, (3, count, TRACED, TRACED, 1)), spots[None]])
    kind = generator.integers(len(amount), size=count)
    mixed: np.ndarray = (first + amount[kind, np.arange(count)] * (second - first)).astype(np.float32)
    return mixed


def caption(colour: str, name: str, azimuth: float, elevation: float, generator: np.random.Generator) -> str:
    """Return a random caption: one in ten empty, half of the others with the paper's text for the view."""
    if generator.random() < 0.1:
        return ""
    phrase = captions.phrase(colour, name)
    if generator.random() < VIEW_SHARE:
        ((text, _),) = PAPER_VIEWS.prompts(phrase, azimuth, elevation)
        return text
    return f"a photo of {phrase}" if generator.random() < 0.3 else phrase


def vocabulary() -> list[str]:
    """Return the words of the captions, those of the built-in prior among them."""
    told = " ".join(PAPER_VIEWS.all_prompts(""))
    return sorted({*captions.words(), *told.split()})


class Pool:
    """Random views as latents of pictures in a random colour before random surroundings."""

    def __init__(self, views: Views, scale: float, generator: np.random.Generator) -> None:
        self._sides = (views, views.mirrored())
        self._scale = scale
        self._generator = generator

    def draw(self, count: int) -> tuple[Tensor, list[str]]:
        """Return latents ``[count, 4, 16, 16]`` and their captions."""
        generator = self._generator
        side = self._sides[int(generator.integers(2))]
        index = generator.integers(len(side), size=count)
        colour = generator.integers(len(PALETTE), size=count)
        shown = PALETTE[colour] + generator.normal(0.0, 0.03, (count, 3))
        pictures = side.pictures(index, shown.clip(0, 1))
        grey = round(BACKGROUND[0] * 255.0)
        empty = ((side.mask[index] == 0) & (np.abs(side.base[index].astype(int) - grey) <= 1).all(-1))[..., None]
        pictures = np.where(empty, backgrounds(count, generator), pictures).clip(0, 1)
        small = functional.avg_pool2d(torch.from_numpy(pictures).permute(0, 3, 1, 2) * 2.0 - 1.0, TRACED // SIZE)
        texts = [
            caption(
                denoiser.COLOUR_NAMES[colour[place]],
                NAMES[side.kind[i]],
                float(side.camera[i, 0]),
                float(side.camera[i, 1]),
                generator,
            )
            for place, i in enumerate(index)
        ]
        return (pooled_latents(small) * self._scale).float().contiguous(memory_format=torch.channels_last), texts


def objective(
    unet: UNet2DConditionModel, latents: Tensor, states: Tensor, table: Tensor, timesteps: Tensor, prediction: str
) -> Tensor:
    """Return the loss of one batch, in units of v whatever the network predicts (epsilon's weight is bounded)."""
    if prediction == "v_prediction":
        return denoiser.objective(unet, latents, states, table, timesteps)
    abar = table[timesteps][:, None, None, None]
    noise = torch.randn_like(latents)
    error = unet(abar.sqrt() * latents + (1 - abar).sqrt() * noise, timesteps, states).sample - noise
    return (error.square() / abar.clamp(min=0.05)).mean()


@dataclass(frozen=True)
class Plan:
    """What to train; the figures are kept in the folder as ``training.json``.

    Attributes
    ----------
    folder
        Where the model goes.
    seconds
        Processor time.
    start
        Model folder whose weights it starts from.
    prediction
        ``"v_prediction"`` or ``"epsilon"``.
    seed
        Of everything that is random.
    views
        How many are traced.
    rate
        Highest learning rate.
    batch
        Pictures a step.
    """

    folder: Path
    seconds: float
    start: Path = BUILTIN
    prediction: str = "v_prediction"
    seed: int = 1
    views: int = 6000
    rate: float = 1e-3
    batch: int = 32


def train(plan: Plan) -> None:
    """Train as planned and write the model folder, now and then and at the end."""
    torch.set_num_threads(1)
    torch.manual_seed(plan.seed)
    tokenizer = build_tokenizer(vocabulary())
    vae = AutoencoderKL.from_pretrained(plan.start / "vae", torch_dtype=torch.float32)
    unet, encoder = denoiser.build(), build_encoder(tokenizer)
    warm_start.adopt_denoiser(unet, plan.start)
    warm_start.adopt_encoder(encoder, tokenizer, plan.start)
    pool = Pool(trace(plan.views, plan.seed), vae.config.scaling_factor, np.random.default_rng(plan.seed))
    embed = CaptionEncoder(tokenizer, encoder)
    parameters = [*unet.parameters(), *encoder.parameters()]
    matrices, rest = divide(unet, encoder.parameters())
    optimisers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(rest, plan.rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True),
        Muon(matrices, plan.rate),
    ]
    average, table = denoiser.Average(parameters), denoiser.alphas()
    begin, saved, step, done, recent = time.process_time(), 0.0, 0, 0.0, 0.0

    def save() -> None:
        figures: dict[str, Any] = {
            "samples": step * plan.batch,
            "steps": step,
            "minutes": round(done * plan.seconds / 60),
        }
        figures |= {"loss": round(recent, 4), "prediction": plan.prediction, "seed": plan.seed}
        write(plan, vae, average.values, figures)

    while done < 1.0:
        for group in [group for optimiser in optimisers for group in optimiser.param_groups]:
            group["lr"] = plan.rate * min(1.0, (step + 1) / 60) * (0.01 + 0.495 * (1 + math.cos(math.pi * done)))
        latents, texts = pool.draw(plan.batch)
        states = embed([[(text, 1.0)] for text in texts])
        timesteps = denoiser.draw_timesteps(plan.batch)
        for optimiser in optimisers:
            optimiser.zero_grad()
        loss = objective(unet, latents, states, table, timesteps, plan.prediction)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for optimiser in optimisers:
            optimiser.step()
        average.update()
        step += 1
        recent += (loss.item() - recent) * max(0.005, 1 / step)
        spent = time.process_time() - begin
        done = spent / plan.seconds
        if step % 200 == 0:
            print(f"{time.strftime('%H:%M:%S')} step {step} done {done:.2f} loss {recent:.4f}", flush=True)
        if spent - saved > 240.0:
            saved = spent
            save()
    save()


def write(plan: Plan, vae: AutoencoderKL, values: Sequence[Tensor], figures: dict[str, Any]) -> None:
    """Write the averaged weights as a Stable Diffusion folder for pictures of 32 x 32."""
    tokenizer = build_tokenizer(vocabulary())
    unet, encoder = denoiser.build(), build_encoder(tokenizer)
    with torch.no_grad():
        for parameter, value in zip([*unet.parameters(), *encoder.parameters()], values, strict=True):
            parameter.copy_(value)
    unet.register_to_config(sample_size=SIZE // 2)
    scheduler = DDIMScheduler.from_config(denoiser.scheduler().config, prediction_type=plan.prediction)
    vae.register_to_config(sample_size=SIZE)
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=encoder.eval(),
        tokenizer=tokenizer,
        unet=unet.eval(),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    plan.folder.mkdir(parents=True, exist_ok=True)
    pipeline.save_pretrained(plan.folder, safe_serialization=True)
    forget_origin(plan.folder)
    write_tokenizer_tables(tokenizer, plan.folder / "tokenizer")
    (plan.folder / warm_start.RUNS).write_text(json.dumps([figures], indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Train one."""
    parser = argparse.ArgumentParser(prog="python -m training.stress", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=2400.0, help="processor time")
    parser.add_argument("--start", type=Path, default=BUILTIN, help="model folder to start from")
    parser.add_argument("--prediction", choices=("v_prediction", "epsilon"), default="v_prediction")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--views", type=int, default=6000)
    parser.add_argument("--rate", type=float, default=1e-3)
    options = parser.parse_args()
    train(
        Plan(
            options.folder,
            options.seconds,
            options.start,
            options.prediction,
            options.seed,
            options.views,
            options.rate,
        )
    )


if __name__ == "__main__":
    main()
