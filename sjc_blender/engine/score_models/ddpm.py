# SPDX-License-Identifier: GPL-3.0-or-later
"""Score models of pixels: denoising diffusion without a prompt, or of a class."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch

from ...protocol.component_classes import PIXEL_UNET, SCHEDULERS
from .class_names import ClassNames, names_of
from .pipeline_model import PipelineModel

if TYPE_CHECKING:
    from diffusers import DDPMPipeline


class Ddpm(PipelineModel):
    """See `PipelineModel`; a U-Net without a condition, https://arxiv.org/abs/2006.11239."""

    networks = ("unet",)
    allowed: ClassVar[dict[str, tuple[str, ...]]] = {"unet": PIXEL_UNET, "scheduler": SCHEDULERS}
    conditional = False
    pixel_space = True

    def __init__(self, pipeline: DDPMPipeline, device: torch.device) -> None:
        self._take_over(pipeline.unet, pipeline.scheduler)
        super().__init__(pipeline, device)

    def _predict(self, network_input: torch.Tensor, timestep: int, embeddings: torch.Tensor | None) -> torch.Tensor:
        output: torch.Tensor = self._pipeline.unet(
            network_input.to(self.dtype), timestep, class_labels=embeddings, return_dict=False
        )[0]
        return output


class ClassConditionalDdpm(Ddpm):
    """The same with class labels, of which the last is that of no class.

    ``id2label`` in ``model_index.json`` names the classes; if it names every label, there is none for no class.
    """

    conditional = True

    def __init__(self, pipeline: DDPMPipeline, device: torch.device) -> None:
        super().__init__(pipeline, device)
        labels: int = pipeline.unet.config.num_class_embeds
        names = names_of(pipeline, labels)
        guided = len(set(names.values())) < labels
        self.classes = ClassNames(labels - guided, labels - 1 if guided else None, names)
