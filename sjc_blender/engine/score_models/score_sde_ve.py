# SPDX-License-Identifier: GPL-3.0-or-later
"""Score model of a score network of the variance-exploding kind (NCSN++), https://arxiv.org/abs/2011.13456."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch

from ...protocol.component_classes import EXPLODING_SCHEDULERS, PIXEL_UNET
from .noise_levels import geometric_table
from .pipeline_model import PipelineModel, square_side
from .preconditioning import SCORE

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline


class ScoreSdeVe(PipelineModel):
    """See `PipelineModel`. The network knows pixels in [0, 1] and divides its output by sigma itself.

    The engine's pixels are in [-1, 1], so are its sigmas twice the network's, and its denoiser is
    D(z; sigma) = 2 D01((z + 1) / 2; sigma / 2) - 1.
    """

    networks = ("unet",)
    allowed: ClassVar[dict[str, tuple[str, ...]]] = {"unet": PIXEL_UNET, "scheduler": EXPLODING_SCHEDULERS}
    conditional = False
    half_precision = False  # it sees z itself, as large as sigma
    pixel_space = True
    prediction_type = SCORE

    def __init__(self, pipeline: DiffusionPipeline, device: torch.device) -> None:
        config = pipeline.unet.config
        self.channels = config.in_channels
        self._own_sigmas = geometric_table(pipeline.scheduler.config)
        self.sigmas = 2.0 * self._own_sigmas
        self.sample_size = square_side(config.sample_size)
        self.dtype = pipeline.unet.dtype
        super().__init__(pipeline, device)

    def _predict(self, network_input: torch.Tensor, timestep: int, embeddings: torch.Tensor | None) -> torch.Tensor:
        sigma = self._own_sigmas[timestep].to(network_input)
        own: torch.Tensor = self._pipeline.unet((network_input + 1.0) / 2.0, sigma, return_dict=False)[0]
        # The gradient by a pixel that counts twice as much is half as large.
        return own / 2.0
