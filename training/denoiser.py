# SPDX-License-Identifier: GPL-3.0-or-later
"""Training of the denoiser and the text encoder."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor, nn

from training import captions, dataset, warm_start
from training.autoencoder import PALETTE, batch_of, pooled_latents
from training.muon import Muon, divide
from training.parallel import Averager, launch, share
from training.shapes import COLOURS
from training.text import WIDTH, CaptionEncoder, build_encoder, build_tokenizer

COLOUR_NAMES = tuple(COLOURS)
_RARE, _SPLIT = 0.10, 150
"""Share of training timesteps below the split: layout is decided at high noise."""


def build() -> UNet2DConditionModel:
    """Return an untrained denoiser."""
    return UNet2DConditionModel(
        sample_size=32,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(16, 48, 128),
        time_embedding_dim=128,
        down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=8,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
        resnet_time_scale_shift="scale_shift",
    )


def scheduler() -> DDIMScheduler:
    """Return Stable Diffusion's noise schedule with v-prediction."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        num_train_timesteps=1000,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="v_prediction",
    )


def alphas() -> Tensor:
    """Return the cumulative products of the noise schedule."""
    return scheduler().alphas_cumprod


class LatentPool:
    """Latents of all views of one process in random colours, slowly replaced.

    Parameters
    ----------
    views
        Traced views; their mirror images are added.
    scale
        Scaling factor of the autoencoder.
    generator
        Source of randomness.
    """

    def __init__(self, views: dataset.Views, scale: float, generator: np.random.Generator) -> None:
        self._scale = scale
        self._generator = generator
        self._sides = (views, views.mirrored())
        self._half = len(views)
        count = 2 * self._half
        self.kind = np.concatenate([side.kind for side in self._sides])
        self.camera = np.concatenate([side.camera for side in self._sides])
        self.colour = np.zeros(count, dtype=np.int64)
        self.latents = torch.zeros(count, 4, 32, 32, dtype=torch.float16)
        for side in (0, 1):
            for start in range(0, self._half, 64):
                self._encode(side, np.arange(start, min(start + 64, self._half)))

    def _encode(self, side: int, index: np.ndarray) -> None:
        colour = self._generator.integers(len(PALETTE), size=len(index))
        pictures = batch_of(self._sides[side], index, colour, self._generator)
        place = index + side * self._half
        self.latents[place] = (pooled_latents(pictures) * self._scale).half()
        self.colour[place] = colour

    def refresh(self, count: int) -> None:
        """Give `count` random views a new colour."""
        side = int(self._generator.integers(2))
        self._encode(side, self._generator.integers(self._half, size=count))

    def draw(self, count: int) -> tuple[Tensor, list[captions.Weighted]]:
        """Return random latents with their captions."""
        index = self._generator.integers(len(self.kind), size=count)
        texts = [
            captions.draw(
                COLOUR_NAMES[self.colour[i]],
                dataset.NAMES[self.kind[i]],
                float(self.camera[i, 0]),
                float(self.camera[i, 1]),
                self._generator,
            )
            for i in index
        ]
        return self.latents[index].float().contiguous(memory_format=torch.channels_last), texts


def draw_timesteps(count: int) -> Tensor:
    """Return random timesteps, nine in ten of them above the split."""
    rare = torch.rand(count) < _RARE
    return torch.where(rare, torch.randint(0, _SPLIT, (count,)), torch.randint(_SPLIT, 1000, (count,)))


def objective(unet: nn.Module, latents: Tensor, states: Tensor, table: Tensor, timesteps: Tensor) -> Tensor:
    """Return the unit-weight v-prediction loss of one batch."""
    abar = table[timesteps][:, None, None, None]
    noise = torch.randn_like(latents)
    noisy = abar.sqrt() * latents + (1 - abar).sqrt() * noise
    target = abar.sqrt() * noise - (1 - abar).sqrt() * latents
    return (unet(noisy, timesteps, states).sample - target).square().mean()


class Average:
    """Exponential moving average of parameters, with a warm-up."""

    def __init__(self, parameters: Iterable[nn.Parameter], decay: float = 0.998) -> None:
        self._source = list(parameters)
        self._decay = decay
        self.values = [p.detach().clone() for p in self._source]
        self.steps = 0

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the present parameters."""
        self.steps += 1
        decay = min(self._decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.values, [p.data for p in self._source], 1.0 - decay)

    @torch.no_grad()
    def restore(self, values: list[Tensor], steps: int) -> None:
        """Continue an earlier average."""
        for mine, theirs in zip(self.values, values, strict=True):
            mine.copy_(theirs)
        self.steps = steps


@dataclass(frozen=True)
class Plan:
    """How long and how to train.

    Attributes
    ----------
    folder
        Working folder with ``data`` and ``vae``.
    seconds
        Processor time of a process; the learning rate follows it down whatever the speed.
        A process that is stopped for a while (SIGSTOP to the one in ``PID``) loses nothing of it.
    rate
        Highest learning rate.
    batch, later_batch
        Samples a process and step, before and after `switch` of the time.
    switch
        Share of the time with the smaller batch.
    warm
        Start from the checkpoint of an earlier run.
    model
        Start from the weights of this assembled model, unless `warm`.
    every
        Seconds between checkpoints.
    """

    folder: str
    seconds: float
    rate: float = 1.5e-3
    batch: int = 8
    later_batch: int = 16
    switch: float = 0.12
    warm: bool = False
    model: str | None = None
    every: float = 240.0


def _say(folder: Path, text: str) -> None:
    line = f"{time.strftime('%H:%M:%S')} {text}"
    print(line, flush=True)
    with (folder / "STATUS").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def _work(rank: int, world: int, plan: Plan) -> None:
    root = Path(plan.folder)
    torch.manual_seed(4321 + rank + int(time.time()))
    views = dataset.load(root / "data")
    views = views.only(np.arange(rank, len(views), world))
    scale = AutoencoderKL.from_pretrained(root / "vae").config.scaling_factor
    pool = LatentPool(views, scale, np.random.default_rng(time.time_ns() + rank))
    tokenizer = build_tokenizer()
    unet, encoder = build(), build_encoder(tokenizer)
    embed = CaptionEncoder(tokenizer, encoder)
    earlier: list[dict[str, Any]] = []
    if plan.model is not None:
        warm_start.adopt_denoiser(unet, Path(plan.model))
        warm_start.adopt_encoder(encoder, tokenizer, Path(plan.model))
        earlier = warm_start.runs(Path(plan.model))
    parameters = [*unet.parameters(), *encoder.parameters()]
    matrices, rest = divide(unet, encoder.parameters())
    optimisers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(rest, plan.rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True),
        Muon(matrices, plan.rate),
    ]
    average = Average(parameters)
    seen, spent, highest, path = 0, 0.0, plan.rate, root / "denoiser.pt"
    if plan.warm:
        state = torch.load(path, weights_only=True)
        unet.load_state_dict(state["unet"])
        encoder.load_state_dict(state["encoder"])
        average.restore(state["average"], state["steps"])
        for optimiser, saved_state in zip(optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved_state)
        seen, spent, earlier = state["seen"], state["spent"], state["earlier"]
        highest = max(highest, state["rate"])
    share(p.data for p in parameters)
    averager = Averager(parameters)
    table = alphas()
    if rank == 0:
        (root / "PID").write_text(f"{os.getpid()}\n")
        _say(root, f"denoiser training started, budget {plan.seconds:.0f} s, seen {seen}")
    saved = told = time.monotonic()
    begin = time.process_time()
    step, done, recent, told_seen = 0, 0.0, 0.0, seen
    while done < 1.0:
        batch = plan.batch if done < plan.switch else plan.later_batch
        warmth = min(1.0, (step + 1) / 60)
        rate = plan.rate * warmth * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))
        for group in [group for optimiser in optimisers for group in optimiser.param_groups]:
            group["lr"] = rate
        if step % 10 == 9:
            pool.refresh(2 * batch)
        latents, texts = pool.draw(batch)
        averager.clear()
        loss = objective(unet, latents, embed(texts), table, draw_timesteps(batch))
        loss.backward()
        averager.extras[0] = (time.process_time() - begin) / plan.seconds
        averager.extras[1] = loss.item()
        averager.average()
        averager.clip(1.0)
        for optimiser in optimisers:
            optimiser.step()
        done, step, seen = float(averager.extras[0]), step + 1, seen + batch * world
        if rank != 0:
            continue
        average.update()
        recent += (float(averager.extras[1]) - recent) * max(0.01, 1 / step)
        now = time.monotonic()
        if now - told > 60:
            pace = (seen - told_seen) / (now - told)
            _say(root, f"step {step} seen {seen} pace {pace:.1f}/s loss {recent:.4f} lr {rate:.2e}")
            told, told_seen = now, seen
        if now - saved > plan.every or done >= 1.0:
            saved = now
            state = {
                "unet": unet.state_dict(),
                "encoder": encoder.state_dict(),
                "average": average.values,
                "steps": average.steps,
                "optimisers": [optimiser.state_dict() for optimiser in optimisers],
                "seen": seen,
                "spent": spent + time.process_time() - begin,
                "loss": recent,
                "processes": world,
                "batch": plan.later_batch,
                "rate": highest,
                "earlier": earlier,
            }
            torch.save(state, path.with_suffix(".partial"))
            path.with_suffix(".partial").replace(path)
    if rank == 0:
        _say(root, f"denoiser training ended, seen {seen}, loss {recent:.4f}")


def train(plan: Plan, world: int = 2) -> None:
    """Train the denoiser as planned, writing ``denoiser.pt`` into the folder."""
    launch(_work, world, plan)


def load_average(folder: Path) -> tuple[UNet2DConditionModel, nn.Module]:
    """Return the averaged denoiser and text encoder of the checkpoint."""
    state = torch.load(folder / "denoiser.pt", weights_only=True)
    unet, encoder = build(), build_encoder(build_tokenizer())
    with torch.no_grad():
        parameters = [*unet.parameters(), *encoder.parameters()]
        for parameter, value in zip(parameters, state["average"], strict=True):
            parameter.copy_(value)
    return unet.eval(), encoder.eval()


def runs(folder: Path) -> list[dict[str, Any]]:
    """Return the figures of all runs that made the checkpoint, oldest first."""
    state = torch.load(folder / "denoiser.pt", weights_only=True)
    mine = {
        "objects": len(dataset.NAMES),
        "samples": state["seen"],
        "steps": state["steps"],
        "minutes": round(state["spent"] / 60),
        "processes": state["processes"],
        "batch": state["batch"] * state["processes"],
        "rate": state["rate"],
        "loss": round(state["loss"], 4),
    }
    return [*state["earlier"], mine]
