# SPDX-License-Identifier: GPL-3.0-or-later
"""Score model of the DiT format: latents of a class, noise with a variance that is not needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch

from ...protocol.component_classes import DIT, SCHEDULERS, VAE
from .class_names import ClassNames, names_of
from .pipeline_model import PipelineModel

if TYPE_CHECKING:
    from diffusers import DiTPipeline


class DiT(PipelineModel):
    """See `PipelineModel`. The label after the last class is that of no class (https://arxiv.org/abs/2212.09748)."""

    networks = ("transformer", "vae")
    allowed: ClassVar[dict[str, tuple[str, ...]]] = {"transformer": DIT, "vae": VAE, "scheduler": SCHEDULERS}

    def __init__(self, pipeline: DiTPipeline, device: torch.device) -> None:
        self._take_over(pipeline.transformer, pipeline.scheduler)
        super().__init__(pipeline, device)
        classes: int = pipeline.transformer.config.num_embeds_ada_norm
        self.classes = ClassNames(classes, classes, names_of(pipeline, classes))

    def _predict(self, network_input: torch.Tensor, timestep: int, embeddings: torch.Tensor | None) -> torch.Tensor:
        clock = torch.full((len(network_input),), timestep, device=network_input.device)
        output: torch.Tensor = self._pipeline.transformer(
            network_input.to(self.dtype), timestep=clock, class_labels=embeddings, return_dict=False
        )[0]
        return output
