# SPDX-License-Identifier: GPL-3.0-or-later
"""Score model of the Stable Diffusion XL format: latents, two text encoders, and the size asked for as a condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from ...protocol.component_classes import CLIP, CLIP_PROJECTED, CLIP_TOKENIZER, EDM_SCHEDULERS, SCHEDULERS, UNET, VAE
from .cut_texts import log_cut_texts
from .packed_embeddings import pack, unpack
from .pipeline_model import PipelineModel
from .stable_diffusion import check_text_to_image

if TYPE_CHECKING:
    from diffusers import StableDiffusionXLPipeline


class StableDiffusionXL(PipelineModel):
    """See `PipelineModel`; raises as `sjc_blender.engine.score_models.stable_diffusion.StableDiffusion`.

    Whatever the size of the render, the network is asked for an uncropped picture of its own full size: of small
    originals it has learned to make blurred ones (https://arxiv.org/abs/2307.01952, section 2.2).
    """

    networks = ("unet", "vae", "text_encoder", "text_encoder_2")
    parts = ("tokenizer", "tokenizer_2", "scheduler")
    allowed: ClassVar[dict[str, tuple[str, ...]]] = {
        "unet": UNET,
        "vae": VAE,
        "text_encoder": CLIP,
        "text_encoder_2": CLIP_PROJECTED,
        "tokenizer": CLIP_TOKENIZER,
        "tokenizer_2": CLIP_TOKENIZER,
        "scheduler": SCHEDULERS + EDM_SCHEDULERS,
    }
    left_out: ClassVar[dict[str, Any]] = {"feature_extractor": None, "image_encoder": None, "add_watermarker": False}

    def __init__(self, pipeline: StableDiffusionXLPipeline, device: torch.device) -> None:
        self._take_over(pipeline.unet, pipeline.scheduler)
        check_text_to_image(self.channels)
        super().__init__(pipeline, device)
        self._token_width: int = pipeline.unet.config.cross_attention_dim
        self._pooled_width: int = pipeline.text_encoder_2.config.projection_dim
        side = float(self.sample_size * pipeline.vae_scale_factor)
        # Original size, crop's corner, target size.
        self._time_ids = torch.tensor([[side, side, 0.0, 0.0, side, side]], device=device)

    @classmethod
    def prepare(cls, pipeline: StableDiffusionXLPipeline) -> None:
        """Keep the decoder of SDXL 1.0 from overflowing in half precision."""
        if pipeline.vae.dtype == torch.float16 and pipeline.vae.config.force_upcast:
            pipeline.vae.to(dtype=torch.float32)

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """Embed texts as ``StableDiffusionXLPipeline`` does; the empty text is all zeros if the model wants that.

        Returns
        -------
        Tensor [N, tokens width + pooled], float32
            See `sjc_blender.engine.score_models.packed_embeddings`.
        """
        log_cut_texts(self._pipeline.tokenizer, texts)
        tokens, _, pooled, _ = self._pipeline.encode_prompt(
            list(texts), device=self.device, do_classifier_free_guidance=False
        )
        embeddings = pack(tokens, pooled)
        if self._pipeline.config.force_zeros_for_empty_prompt:
            embeddings[[index for index, text in enumerate(texts) if not text]] = 0.0
        return embeddings

    def _told(self, embeddings: torch.Tensor) -> tuple[torch.Tensor, dict[str, Any]]:
        tokens, pooled = unpack(embeddings, self._token_width, self._pooled_width)
        time_ids = self._time_ids.to(self.dtype).expand(len(embeddings), -1)
        return tokens, {"added_cond_kwargs": {"text_embeds": pooled, "time_ids": time_ids}}
