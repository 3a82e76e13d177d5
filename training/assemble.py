# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing the model folder: weights, tokenizer, scheduler and profile."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, StableDiffusionPipeline
from transformers import CLIPTokenizer

from training import captions, dataset
from training.autoencoder import PALETTE, batch_of, ignore_what_no_picture_has
from training.denoiser import load_average, runs, scheduler
from training.shapes import BACKGROUND, COLOURS, OBJECTS
from training.text import build_tokenizer
from training.warm_start import RUNS

NAME = "SJC built-in prior"
PROFILE = "sjc.json"


def write_tokenizer_tables(tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Write the vocabulary in the files that older releases of transformers read."""
    state = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    (folder / "vocab.json").write_text(json.dumps(state["vocab"], ensure_ascii=False))
    merges = [" ".join(m) if isinstance(m, list) else m for m in state["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")


def background_latent(vae: AutoencoderKL) -> list[float]:
    """Return the mean scaled latent of the empty background."""
    grey = torch.tensor(BACKGROUND)[None, :, None, None].expand(1, 3, 64, 64) * 2.0 - 1.0
    with torch.no_grad():
        latent = vae.encode(grey).latent_dist.mean * vae.config.scaling_factor
    return [round(float(x), 5) for x in latent[0, :, 4:-4, 4:-4].mean((1, 2))]


def latent_rgb(vae: AutoencoderKL, views: dataset.Views) -> tuple[np.ndarray, np.ndarray, float]:
    """Fit colours in 0..1 as a linear function of scaled latents.

    Returns
    -------
    tuple
        Matrix ``[4, 3]``, offset ``[3]`` and the share of variance explained.
    """
    generator = np.random.default_rng(5)
    index = generator.choice(len(views), min(256, len(views)), replace=False)
    pictures = batch_of(views, index, generator.integers(len(PALETTE), size=len(index)), generator)
    with torch.no_grad():
        latents = vae.encode(pictures).latent_dist.mean * vae.config.scaling_factor
    colours = F.avg_pool2d((pictures + 1) / 2, 2).permute(0, 2, 3, 1).reshape(-1, 3).numpy()
    inputs = latents.permute(0, 2, 3, 1).reshape(-1, 4).numpy()
    inputs = np.concatenate([inputs, np.ones((len(inputs), 1), np.float32)], 1)
    solution, *_ = np.linalg.lstsq(inputs, colours, rcond=1e-3)
    residual = ((inputs @ solution - colours) ** 2).sum()
    explained = 1.0 - residual / ((colours - colours.mean(0)) ** 2).sum()
    return solution[:4], solution[4], float(explained)


def profile(vae: AutoencoderKL, views: dataset.Views) -> dict[str, Any]:
    """Return the model profile: views, orbit, vocabulary and preview colours."""
    matrix, offset, _ = latent_rgb(vae, views)
    bands = [
        {
            "elevation": centre,
            "views": [
                {"azimuth": int(sector * captions.SECTOR), "text": captions.view_text(sector, band)}
                for sector in range(len(captions.AZIMUTH_WORDS))
            ],
        }
        for band, (centre, _) in enumerate(captions.BANDS)
    ]
    return {
        "version": 1,
        "name": NAME,
        "family": "stable_diffusion",
        "image_size": dataset.SIZE,
        "views": {"interpolation": "bilinear", "bands": bands},
        "orbit": {
            "distance": list(dataset.DISTANCE),
            "elevation": [-5.0, 83.0],
            "field_of_view": list(dataset.FIELD_OF_VIEW),
        },
        "vocabulary": {
            "template": captions.TEMPLATE,
            "colours": list(COLOURS),
            "objects": list(OBJECTS),
            "words": captions.words(),
        },
        "background": background_latent(vae),
        "latent_rgb": [[round(float(x), 5) for x in row] for row in matrix],
        "latent_rgb_bias": [round(float(x), 5) for x in offset],
    }


def forget_origin(target: Path) -> None:
    """Remove from the configurations where the parts were loaded from."""
    for path in target.rglob("*.json"):
        if path.name not in ("config.json", "model_index.json", "scheduler_config.json"):
            continue
        config = json.loads(path.read_text(encoding="utf-8"))
        config.pop("_name_or_path", None)
        path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def write_profile(found: dict[str, Any], path: Path) -> None:
    """Write the profile, keeping keys of an existing one that are not made here."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    extra = {key: value for key, value in kept.items() if key not in found}
    path.write_text(json.dumps({**found, **extra}, indent=1) + "\n", encoding="utf-8")


def assemble(folder: Path, target: Path) -> None:
    """Write the newest averaged weights of `folder` as the pipeline folder `target`."""
    unet, encoder = load_average(folder)
    vae = AutoencoderKL.from_pretrained(folder / "vae")
    ignore_what_no_picture_has(vae)
    tokenizer = build_tokenizer()
    found = profile(vae, dataset.load(folder / "data", "heldout.npz"))
    pipeline = StableDiffusionPipeline(
        vae=vae.half(),
        text_encoder=encoder.half(),
        tokenizer=tokenizer,
        unet=unet.half(),
        scheduler=scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    target.mkdir(parents=True, exist_ok=True)
    for part in ("vae", "text_encoder", "tokenizer", "unet", "scheduler"):
        shutil.rmtree(target / part, ignore_errors=True)
    pipeline.save_pretrained(target, safe_serialization=True)
    forget_origin(target)
    write_tokenizer_tables(tokenizer, target / "tokenizer")
    write_profile(found, target / PROFILE)
    (target / RUNS).write_text(json.dumps(runs(folder), indent=1) + "\n", encoding="utf-8")


def load(target: Path) -> StableDiffusionPipeline:
    """Load the pipeline folder in single precision, as a user would."""
    pipeline = StableDiffusionPipeline.from_pretrained(target, safety_checker=None, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(dtype=torch.float32)
