# SPDX-License-Identifier: GPL-3.0-or-later
"""The conditioning probe: whether the right caption gives the lower error.

Held-out pictures are noised and denoised with the right caption and with
wrong ones, the noises being the same. A comparison is won when the mean
error over all noise levels is lower with the right caption.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training import captions, dataset
from training.assemble import load
from training.autoencoder import PALETTE, batch_of
from training.denoiser import COLOUR_NAMES, alphas
from training.shapes import SYMMETRIC
from training.text import CaptionEncoder

LEVELS = (300, 450, 600, 700, 800, 900)
NOISES = 2


def rivals(
    name: str, colour: str, azimuth: float, elevation: float, generator: np.random.Generator
) -> dict[str, captions.Weighted]:
    """Return the right caption (``""``) and wrong captions by the kind of their error."""
    prompt = captions.phrase(colour, name)
    other_name = str(generator.choice([n for n in dataset.NAMES if n != name]))
    other_colour = str(generator.choice([c for c in COLOUR_NAMES if c != colour]))
    found = {
        "": captions.exact(azimuth, elevation, prompt),
        "object": captions.exact(azimuth, elevation, captions.phrase(colour, other_name)),
        "colour": captions.exact(azimuth, elevation, captions.phrase(other_colour, name)),
    }
    if name in SYMMETRIC:
        return found
    turn = float(generator.choice([-45.0, 45.0]))
    found["opposite"] = captions.exact(azimuth + 180.0, elevation, prompt)
    found["adjacent"] = captions.exact(azimuth + turn, elevation, prompt)
    mirror = -azimuth
    if abs((2 * azimuth + 180.0) % 360.0 - 180.0) > 60.0:
        found["mirror"] = captions.exact(mirror, elevation, prompt)
    return found


@torch.no_grad()
def errors(pipeline: Any, latent: Tensor, texts: list[captions.Weighted], seed: int) -> Tensor:
    """Return the mean denoising error of one latent under every caption."""
    embed = CaptionEncoder(pipeline.tokenizer, pipeline.text_encoder)
    states = embed(texts)
    table = alphas()
    generator = torch.Generator().manual_seed(seed)
    steps = torch.tensor(LEVELS).repeat_interleave(NOISES)
    noise = torch.randn(len(steps), *latent.shape, generator=generator)
    abar = table[steps][:, None, None, None]
    noisy = abar.sqrt() * latent + (1 - abar).sqrt() * noise
    target = abar.sqrt() * noise - (1 - abar).sqrt() * latent
    out = []
    for state in states:
        predicted = pipeline.unet(noisy, steps, state.expand(len(steps), -1, -1)).sample
        out.append((predicted - target).square().mean())
    return torch.stack(out)


def probe(folder: Path, target: Path, count: int = 200) -> dict[str, Any]:
    """Measure the win rates of the assembled model on held-out pictures.

    Parameters
    ----------
    folder
        Working folder with the held-out views.
    target
        The pipeline folder.
    count
        Number of held-out pictures, shared evenly among the objects.

    Returns
    -------
    dict
        Win rates by kind, overall and by object, and how many comparisons they rest on.
    """
    pipeline = load(target)
    views = dataset.load(folder / "data", "heldout.npz")
    generator = np.random.default_rng(77)
    each = count // len(dataset.NAMES)
    index = np.concatenate([np.nonzero(views.kind == kind)[0][:each] for kind in range(len(dataset.NAMES))])
    wins: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for i in index:
        name = dataset.NAMES[views.kind[i]]
        colour = int(generator.integers(len(PALETTE)))
        picture = batch_of(views, np.array([i]), np.array([colour]), generator)
        with torch.no_grad():
            latent = pipeline.vae.encode(picture).latent_dist.mean[0]
        latent = latent * pipeline.vae.config.scaling_factor
        azimuth, elevation = float(views.camera[i, 0]), float(views.camera[i, 1])
        found = rivals(name, COLOUR_NAMES[colour], azimuth, elevation, generator)
        error = errors(pipeline, latent, list(found.values()), int(i))
        for kind, value in list(zip(found, error, strict=True))[1:]:
            wins[kind][name].append(bool(error[0] < value))
    report: dict[str, Any] = {"pictures": len(index), "levels": LEVELS, "noises": NOISES}
    for kind, named in wins.items():
        every = [won for list_ in named.values() for won in list_]
        report[kind] = {
            "all": round(float(np.mean(every)), 3),
            "comparisons": len(every),
            "objects": {name: round(float(np.mean(w)), 3) for name, w in named.items()},
        }
    (folder / "probe.json").write_text(json.dumps(report, indent=1))
    return report


def table(report: dict[str, Any]) -> str:
    """Return the report as a Markdown table, objects down and kinds across."""
    kinds = [k for k in ("object", "colour", "opposite", "adjacent", "mirror") if k in report]
    lines = ["| | " + " | ".join(kinds) + " |", "|---" * (len(kinds) + 1) + "|"]
    for name in dataset.NAMES:
        cells = [report[k]["objects"].get(name) for k in kinds]
        lines.append(f"| {name} | " + " | ".join("-" if c is None else f"{c:.2f}" for c in cells) + " |")
    lines.append("| **all** | " + " | ".join(f"**{report[k]['all']:.3f}**" for k in kinds) + " |")
    return "\n".join(lines)
