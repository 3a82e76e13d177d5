# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting from the weights of an assembled model that knew fewer words.

The networks stay as they are and only the vocabulary grows. A word's number
depends on all the words there are, so embeddings are carried over by the
token that they stand for; new tokens keep their random start.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from training import autoencoder, dataset

RUNS = "training.json"
"""File of an assembled model that lists the runs that made its weights."""

_EMBEDDING = "embeddings.token_embedding.weight"


@torch.no_grad()
def adopt_encoder(encoder: nn.Module, tokenizer: CLIPTokenizer, model: Path) -> int:
    """Give the text encoder the weights of an assembled model.

    Parameters
    ----------
    encoder
        Encoder for the vocabulary of `tokenizer`; changed.
    tokenizer
        The present tokenizer.
    model
        Pipeline folder whose encoder has the same layers.

    Returns
    -------
    int
        How many tokens `model` does not know.
    """
    old = CLIPTextModel.from_pretrained(model / "text_encoder", dtype=torch.float32).state_dict()
    places = CLIPTokenizer.from_pretrained(model / "tokenizer").get_vocab()
    (name,) = (name for name in old if name.endswith(_EMBEDDING))
    table = encoder.state_dict()[name].clone()
    fresh = 0
    for token, index in tokenizer.get_vocab().items():
        if token in places:
            table[index] = old[name][places[token]]
        else:
            fresh += 1
    encoder.load_state_dict({**old, name: table})
    return fresh


def adopt_denoiser(unet: nn.Module, model: Path) -> None:
    """Give the denoiser the weights of an assembled model."""
    old = UNet2DConditionModel.from_pretrained(model / "unet", torch_dtype=torch.float32)
    unet.load_state_dict(old.state_dict())


def adopt_autoencoder(folder: Path, model: Path) -> float:
    """Save the autoencoder of an assembled model as ``folder/vae``, its scale too.

    Returns
    -------
    float
        Its signal-to-noise ratio on held-out pictures of the present objects, in decibels.
    """
    vae = AutoencoderKL.from_pretrained(model / "vae", torch_dtype=torch.float32)
    vae.save_pretrained(folder / "vae")
    found = autoencoder.quality(vae, dataset.load(folder / "data", "heldout.npz"))
    (folder / "vae" / "quality.txt").write_text(f"{found:.2f} 0 0\n")
    return found


def runs(model: Path) -> list[dict[str, Any]]:
    """Return the runs that made an assembled model, oldest first."""
    path = model / RUNS
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return found
