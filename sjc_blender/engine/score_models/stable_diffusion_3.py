# SPDX-License-Identifier: GPL-3.0-or-later
"""Score model of the Stable Diffusion 3 format: a rectified flow of latents, with two or three text encoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from ...protocol.component_classes import CLIP_PROJECTED, CLIP_TOKENIZER, FLOW_SCHEDULERS, T5, T5_TOKENIZER, VAE
from .cut_texts import log_cut_texts
from .noise_levels import flow_table
from .packed_embeddings import pack, unpack
from .pipeline_model import PipelineModel, square_side
from .preconditioning import FLOW

if TYPE_CHECKING:
    from diffusers import StableDiffusion3Pipeline


class StableDiffusion3(PipelineModel):
    """See `PipelineModel`. Without its T5 encoder, the largest part, the model reads prompts less closely."""

    networks = ("transformer", "vae", "text_encoder", "text_encoder_2", "text_encoder_3")
    parts = ("tokenizer", "tokenizer_2", "tokenizer_3", "scheduler")
    allowed: ClassVar[dict[str, tuple[str, ...]]] = {
        "transformer": ("diffusers.SD3Transformer2DModel",),
        "vae": VAE,
        "text_encoder": CLIP_PROJECTED,
        "text_encoder_2": CLIP_PROJECTED,
        "text_encoder_3": T5,
        "tokenizer": CLIP_TOKENIZER,
        "tokenizer_2": CLIP_TOKENIZER,
        "tokenizer_3": T5_TOKENIZER,
        "scheduler": FLOW_SCHEDULERS,
    }
    optional = ("text_encoder_3", "tokenizer_3")
    left_out: ClassVar[dict[str, Any]] = {"feature_extractor": None, "image_encoder": None}
    prediction_type = FLOW

    def __init__(self, pipeline: StableDiffusion3Pipeline, device: torch.device) -> None:
        config = pipeline.transformer.config
        self.channels = config.in_channels
        self.sigmas = flow_table(pipeline.scheduler.config)
        self.sample_size = square_side(config.sample_size)
        self.dtype = pipeline.transformer.dtype
        super().__init__(pipeline, device)
        self._token_width: int = config.joint_attention_dim
        self._pooled_width: int = config.pooled_projection_dim

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """Embed texts as ``StableDiffusion3Pipeline`` does.

        Returns
        -------
        Tensor [N, tokens width + pooled], float32
            See `sjc_blender.engine.score_models.packed_embeddings`.
        """
        log_cut_texts(self._pipeline.tokenizer, texts)
        prompts = list(texts)
        tokens, _, pooled, _ = self._pipeline.encode_prompt(
            prompts, None, None, device=self.device, do_classifier_free_guidance=False
        )
        return pack(tokens, pooled)

    def _predict(self, network_input: torch.Tensor, timestep: int, embeddings: torch.Tensor | None) -> torch.Tensor:
        assert embeddings is not None
        tokens, pooled = unpack(embeddings.to(self.dtype), self._token_width, self._pooled_width)
        # The network's clock runs from 0 to the number of noise levels; the table begins at 1.
        clock = torch.full((len(network_input),), timestep + 1.0, device=network_input.device)
        output: torch.Tensor = self._pipeline.transformer(
            hidden_states=network_input.to(self.dtype),
            timestep=clock,
            encoder_hidden_states=tokens,
            pooled_projections=pooled,
            return_dict=False,
        )[0]
        return output
