# SPDX-License-Identifier: GPL-3.0-or-later
"""Score model of the MVDream format, https://arxiv.org/abs/2308.16512: four views around the object, seen at once."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from ...protocol.component_classes import MULTI_VIEW_UNET
from ...protocol.model_families import FAMILY
from ...protocol.spec import Camera
from ..cameras.viewpoints import orbit_camera
from .assembly import load_part
from .multi_view_attention import join_views
from .multi_view_unet import CAMERA_NUMBERS, load_unet
from .packed_embeddings import pack, unpack
from .pipeline_folder import PipelineFolder
from .score_model import Condition
from .stable_diffusion import StableDiffusion

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

FRONT = orbit_camera(0.0, 0.0, 1.0, 40.0)
"""What an embedding says of the camera before it is told one."""


class MVDream(StableDiffusion):
    """See `StableDiffusion`: its U-Net, in which the views of a ring attend to each other and know their cameras.

    `together` neighbours in a batch are one ring. A batch that is no whole number of rings is seen view by view, which
    is what the U-Net without joint attention does.
    """

    allowed: ClassVar[dict[str, tuple[str, ...]]] = {**StableDiffusion.allowed, "unet": MULTI_VIEW_UNET}
    together = FAMILY["mvdream"].together

    def __init__(self, pipeline: StableDiffusionPipeline, device: torch.device) -> None:
        super().__init__(pipeline, device)
        self._attention = join_views(pipeline.unet)

    @classmethod
    def assemble(cls, folder: PipelineFolder, dtype: torch.dtype) -> Any:
        """Put the components into a pipeline of Stable Diffusion, which they are but for the U-Net's class."""
        from diffusers import StableDiffusionPipeline

        others = [name for name in (*cls.networks, *cls.parts) if name != "unet"]
        return StableDiffusionPipeline(
            unet=load_unet(folder.path / "unet", dtype),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
            **{name: load_part(folder.path, name, dtype) for name in others},
        )

    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """Embed texts as seen from the front, see `seen_from`.

        Returns
        -------
        Tensor [N, tokens x width + 16], float32
        """
        tokens = super().encode(texts)
        return pack(tokens, camera_numbers(FRONT).to(tokens).expand(len(tokens), -1))

    def seen_from(self, condition: Condition, camera: Camera) -> Condition:
        """Tell a condition's embeddings, those that guidance leads away from too, the camera."""
        numbers = camera_numbers(camera)

        def told(embedding: torch.Tensor | None) -> torch.Tensor | None:
            if embedding is None:
                return None
            own = embedding[..., :-CAMERA_NUMBERS]
            return torch.cat([own, numbers.to(own).expand(*own.shape[:-1], -1)], dim=-1)

        return dataclasses.replace(condition, positive=told(condition.positive), negative=told(condition.negative))

    def _run_unet(self, network_input: torch.Tensor, *rest: Any, **told: Any) -> torch.Tensor:
        self._attention.views = 1 if len(network_input) % self.together else self.together
        return super()._run_unet(network_input, *rest, **told)

    def _told(self, embeddings: torch.Tensor) -> tuple[torch.Tensor, dict[str, Any]]:
        width = self._pipeline.unet.config.cross_attention_dim
        tokens, cameras = unpack(embeddings, width, CAMERA_NUMBERS)
        return tokens, {"class_labels": cameras}


def camera_numbers(camera: Camera) -> torch.Tensor:
    """What MVDream is told of a camera [16]: its matrix to the domain's frame, row by row, from the distance 1.

    The frame is Blender's and the format's: Z is up, azimuth 0 looks from -Y, the camera looks along its -Z.
    """
    pose = torch.tensor(camera.pose, dtype=torch.float64)
    eye = pose[:3, 3]
    pose[:3, 3] = eye / max(float(eye.norm()), math.ulp(1.0))
    return pose.flatten().float()
