# SPDX-License-Identifier: GPL-3.0-or-later
"""Score model of the Stable Diffusion format (1.x, 2.x, the built-in prior): latents, text, noise or v or x0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from ...protocol.component_classes import CLIP, CLIP_TOKENIZER, SCHEDULERS, UNET, VAE
from .component_tasks import LATENT_CHANNELS, other_task
from .cut_texts import log_cut_texts
from .pipeline_model import PipelineModel

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline


class StableDiffusion(PipelineModel):
    """See `PipelineModel`.

    Raises
    ------
    SjcError
        ``unsupported_pipeline`` if the network is one for another task (inpainting, upscaling) or predicts
        something unknown; ``unsupported_noise_schedule``.
    """

    networks = ("unet", "vae", "text_encoder")
    parts = ("tokenizer", "scheduler")
    allowed: ClassVar[dict[str, tuple[str, ...]]] = {
        "unet": UNET,
        "vae": VAE,
        "text_encoder": CLIP,
        "tokenizer": CLIP_TOKENIZER,
        "scheduler": SCHEDULERS,
    }
    left_out: ClassVar[dict[str, Any]] = {
        "safety_checker": None,
        "feature_extractor": None,
        "image_encoder": None,
        "requires_safety_checker": False,
    }

    def __init__(self, pipeline: StableDiffusionPipeline, device: torch.device) -> None:
        self._take_over(pipeline.unet, pipeline.scheduler)
        check_text_to_image(self.channels)
        super().__init__(pipeline, device)

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """Embed texts as ``StableDiffusionPipeline`` does: the text encoder's last hidden states.

        Returns
        -------
        Tensor [N, tokens, width], float32
            Padded to the tokenizer's full length. A longer text is cut, and the log says where.
        """
        log_cut_texts(self._pipeline.tokenizer, texts)
        embeddings: torch.Tensor = self._pipeline.encode_prompt(list(texts), self.device, 1, False)[0]
        return embeddings.float()


def check_text_to_image(channels: int) -> None:
    """Refuse a U-Net of another task, SjcError ``unsupported_pipeline``."""
    if channels != LATENT_CHANNELS:
        raise other_task("the model", channels)
