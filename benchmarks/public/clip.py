"""CLIP R-precision: how often CLIP finds, among all prompts, the one that a picture was made of.

The measure of DreamFusion (https://arxiv.org/abs/2209.14988, section 4), with the model that its table names first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from sjc_blender.protocol.hub_cache import cached_snapshot

MODEL = "openai/clip-vit-base-patch32"
MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Of the pictures that CLIP was trained with, https://github.com/openai/CLIP."""


class Clip:
    """CLIP from a folder on this computer.

    Parameters
    ----------
    folder : Path
        Of a ``CLIPModel`` with its tokenizer, weights in safetensors.
    device : torch.device
    """

    def __init__(self, folder: Path, device: torch.device) -> None:
        from transformers import CLIPModel, CLIPTokenizer

        self._model: Any = CLIPModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
        self._model.to(device).eval()
        self._tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        self._device = device

    @torch.no_grad()
    def texts(self, prompts: list[str]) -> Tensor:
        """Directions [N, width] of prompts."""
        told = self._tokenizer(prompts, padding=True, truncation=True, return_tensors="pt").to(self._device)
        hidden = self._model.text_model(**told).pooler_output
        return functional.normalize(self._model.text_projection(hidden), dim=-1).cpu()

    @torch.no_grad()
    def pictures(self, pictures: Tensor) -> Tensor:
        """Directions [N, width] of pictures [N, 3, h, w], sRGB in 0..1."""
        side = int(self._model.config.vision_config.image_size)
        resized = functional.interpolate(pictures, (side, side), mode="bicubic", antialias=True).clamp(0, 1)
        mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, DEVIATION))
        hidden = self._model.vision_model(((resized - mean) / deviation).to(self._device)).pooler_output
        return functional.normalize(self._model.visual_projection(hidden), dim=-1).cpu()


def cached_clip(device: torch.device) -> Clip | None:
    """CLIP from the Hugging Face cache; None if it is not there, or not as safetensors."""
    folder = cached_snapshot(MODEL)
    if folder is None or not (folder / "model.safetensors").is_file():
        return None
    return Clip(folder, device)


def r_precision(pictures: Tensor, texts: Tensor, own: int) -> float:
    """Share of pictures that are nearest to their own prompt.

    Parameters
    ----------
    pictures : Tensor [N, width]
    texts : Tensor [M, width]
        Of all prompts; directions of length 1, as the pictures.
    own : int
        Which of them the pictures were made of.
    """
    return float(((pictures @ texts.T).argmax(dim=1) == own).float().mean())
