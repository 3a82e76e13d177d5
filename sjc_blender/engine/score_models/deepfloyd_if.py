# SPDX-License-Identifier: GPL-3.0-or-later
"""Score model of DeepFloyd IF, stage I: pixels, a T5 text encoder, noise with a variance that is not needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from ...protocol.component_classes import SCHEDULERS, T5, T5_TOKENIZER, UNET
from .cut_texts import log_cut_texts
from .pipeline_model import PipelineModel

if TYPE_CHECKING:
    from diffusers import IFPipeline

LONGEST_TEXT = 77


class DeepFloydIF(PipelineModel):
    """See `PipelineModel`."""

    networks = ("unet", "text_encoder")
    parts = ("tokenizer", "scheduler")
    allowed: ClassVar[dict[str, tuple[str, ...]]] = {
        "unet": UNET,
        "text_encoder": T5,
        "tokenizer": T5_TOKENIZER,
        "scheduler": SCHEDULERS,
    }
    left_out: ClassVar[dict[str, Any]] = {
        "safety_checker": None,
        "feature_extractor": None,
        "watermarker": None,
        "requires_safety_checker": False,
    }
    pixel_space = True

    def __init__(self, pipeline: IFPipeline, device: torch.device) -> None:
        self._take_over(pipeline.unet, pipeline.scheduler)
        super().__init__(pipeline, device)

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """Embed texts as ``IFPipeline`` does: the last hidden states of T5 [N, 77, width], float32."""
        log_cut_texts(self._pipeline.tokenizer, texts, LONGEST_TEXT)
        embeddings: torch.Tensor = self._pipeline.encode_prompt(
            list(texts), do_classifier_free_guidance=False, device=self.device
        )[0]
        return embeddings.float()
