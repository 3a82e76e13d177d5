# SPDX-License-Identifier: GPL-3.0-or-later
"""Sheets of pictures: of the training data and of the model's samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from training import captions
from training.assemble import load
from training.dataset import NAMES
from training.shapes import COLOURS
from training.tracing import render


def save_grid(rows: list[list[np.ndarray]], path: Path, zoom: int = 2) -> None:
    """Save pictures in 0..1 as one enlarged sheet."""
    sheet = np.concatenate([np.concatenate(row, 1) for row in rows], 0).clip(0, 1)
    image = Image.fromarray((sheet * 255 + 0.5).astype(np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.resize((image.width * zoom, image.height * zoom), Image.Resampling.NEAREST).save(path)


def data_sheet(path: Path) -> None:
    """Save every object in its canonical shape from the eight sides."""
    colours = list(COLOURS)
    rows = [
        [render(name, colours[(row + k) % len(colours)], 45.0 * k, captions.BANDS[k % 3][0]) for k in range(8)]
        for row, name in enumerate(NAMES)
    ]
    save_grid(rows, path)


@torch.no_grad()
def sample(pipeline: Any, prompts: list[str], seed: int, steps: int = 30, guidance: float = 4.0) -> list[np.ndarray]:
    """Return one picture in 0..1 for every prompt."""
    generators = [torch.Generator().manual_seed(seed + k) for k in range(len(prompts))]
    result = pipeline(
        prompts,
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=generators,
        output_type="np",
    )
    return list(result.images)


def sample_sheet(target: Path, path: Path, seed: int = 0, steps: int = 30) -> None:
    """Save the model's pictures of every object from the eight sides."""
    pipeline = load(target)
    colours = list(COLOURS)
    rows = []
    for row, name in enumerate(NAMES):
        prompts = [captions.view_text(k, k % 3, captions.phrase(colours[(row + k) % 8], name)) for k in range(8)]
        rows.append(sample(pipeline, prompts, seed + 100 * row, steps))
    save_grid(rows, path)
