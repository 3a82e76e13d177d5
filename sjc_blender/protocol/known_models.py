# SPDX-License-Identifier: GPL-3.0-or-later
"""Models that are known to work, with the facts that a user wants before a download.

The facts are data, ``sjc_blender/models/known.json``. Sizes and memory are rounded; a download tells its own exactly.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PREVIEW_DECODER = "preview_decoder"
"""In place of a family: a tiny autoencoder, which jobs use for previews only."""

KNOWN = Path(__file__).resolve().parent.parent / "models" / "known.json"


@dataclass(frozen=True)
class KnownModel:
    """One model.

    Attributes
    ----------
    id : str
        Hugging Face id, or ``"builtin"``.
    title : str
    family : str
        Name of a `model_families.ModelFamily`, or `PREVIEW_DECODER`.
    licence : str
    download_gigabytes : float
        Of the files that the family needs, 10^9 bytes; 0: nothing is downloaded.
    gpu_gigabytes : float
        Graphics memory for half precision without offloading; 0: a CPU will do.
    resolution : int
        Side of its images in pixels.
    gated : bool
        Whether its owners ask to accept a licence, logged in, before the download.
    notes : str
        One or two sentences.
    """

    id: str
    title: str
    family: str
    licence: str
    download_gigabytes: float
    gpu_gigabytes: float
    resolution: int
    gated: bool = False
    notes: str = ""


@cache
def known_models() -> tuple[KnownModel, ...]:
    """Every known model, in the order in which to show them; the first is the built-in prior."""
    return tuple(KnownModel(**entry) for entry in json.loads(KNOWN.read_text(encoding="utf-8"))["models"])


def known_model(source: str) -> KnownModel | None:
    """Return the known model with that id, or None."""
    return next((model for model in known_models() if model.id == source), None)
