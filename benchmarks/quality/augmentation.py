"""What a render of a result may differ in from a clean render of the procedural shape, drawn at random.

Results are softer, come a little larger or smaller, are shaded less, and have colours that are near those asked for.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.dataset import Views
from training.shapes import BACKGROUND, COLOURS

PALETTE = np.array(list(COLOURS.values()), dtype=np.float32)


def pictures(views: Views, index: np.ndarray, colour: np.ndarray, generator: np.random.Generator) -> Tensor:
    """Return pictures ``[n, 3, 64, 64]`` in 0..1 of the views `index`, their main parts in `colour`, all augmented."""
    count = len(index)
    tints = (PALETTE[colour] + generator.normal(0.0, 0.03, (count, 3))).clip(0, 1)
    clean = torch.from_numpy(views.pictures(index, tints)).permute(0, 3, 1, 2).contiguous()
    behind = (views.mask[index] == 0) & (np.abs(views.base[index] / 255.0 - BACKGROUND).max(-1) < 3 / 255)
    seen = 1.0 - torch.from_numpy(behind)[:, None].float()
    both = _moved(torch.cat([clean, seen], dim=1), generator)
    both = _blurred(both, generator)
    object_, seen = both[:, :3], both[:, 3:]
    # Contrast and brightness of the object's light, then a background that is not quite the usual grey.
    gain = _uniform(generator, count, 0.85, 1.15)
    lift = _uniform(generator, count, -0.05, 0.05)
    noise = torch.from_numpy(generator.normal(0.0, 1.0, object_.shape).astype(np.float32))
    noise = noise * _uniform(generator, count, 0.0, 0.03)
    grey = _uniform(generator, count, 0.4, 0.6)
    lit = object_ * gain + lift + noise
    return ((1.0 - seen) * grey + seen * lit).clamp(0.0, 1.0)


def _uniform(generator: np.random.Generator, count: int, low: float, high: float) -> Tensor:
    return torch.from_numpy(generator.uniform(low, high, (count, 1, 1, 1)).astype(np.float32))


def _moved(images: Tensor, generator: np.random.Generator) -> Tensor:
    """Scale, turn by a few degrees and shift each image; what comes in at the rim is its rim."""
    count = len(images)
    scale = 1.0 / generator.uniform(0.8, 1.12, count)
    turn = np.radians(generator.normal(0.0, 3.0, count))
    shift = generator.uniform(-0.1, 0.1, (2, count))
    rows = [scale * np.cos(turn), -scale * np.sin(turn), shift[0], scale * np.sin(turn), scale * np.cos(turn), shift[1]]
    matrix = torch.from_numpy(np.stack(rows, -1).reshape(count, 2, 3).astype(np.float32))
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _blurred(images: Tensor, generator: np.random.Generator) -> Tensor:
    """Blur each image by a Gaussian of its own of up to 1.2 pixels."""
    count, channels, height, width = images.shape
    deviation = generator.uniform(0.3, 1.2, (count, 1))
    weights = np.exp(-0.5 * (np.arange(-3, 4)[None] / deviation) ** 2)
    kernel = torch.from_numpy((weights / weights.sum(1, keepdims=True)).astype(np.float32))
    kernel = kernel.repeat_interleave(channels, 0)[:, None]
    flat = F.pad(images.reshape(1, count * channels, height, width), (3, 3, 3, 3), mode="replicate")
    flat = F.conv2d(flat, kernel[:, :, None, :], groups=count * channels)
    flat = F.conv2d(flat, kernel[:, :, :, None], groups=count * channels)
    return flat.reshape(images.shape)
