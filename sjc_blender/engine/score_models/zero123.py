# SPDX-License-Identifier: GPL-3.0-or-later
"""Score model of the Zero-1-to-3 format, https://arxiv.org/abs/2303.11328: views of what a picture shows."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ...protocol.component_classes import CAMERA_PROJECTION, CLIP_VISION, SCHEDULERS, UNET, VAE
from ...protocol.errors import SjcError
from ...protocol.memory import MemoryLevel
from ...protocol.spec import Camera
from ...protocol.views import camera_direction
from ..image_files.picture_file import as_tensor, squared
from .assembly import load_part
from .camera_projection import PLACES, load_projection
from .latents import decoder_scale
from .pipeline_folder import PipelineFolder
from .pipeline_model import PipelineModel
from .score_model import Condition

CHANNELS = 4
LENS = 49.1
"""Degrees, the field of view of the cameras that it was trained with."""

DISTANCE = 3.7
"""In domain units, from which the picture is taken to look: the middle of the distances of its training, 1.85 times
the largest side of the object, which is 2 here."""

UNIT = 2.0
"""Domain units of a unit of its training, in which objects have a largest side of 1."""

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_DEVIATION = (0.26862954, 0.26130258, 0.27577711)


class Zero123(PipelineModel):
    """See `PipelineModel`: a U-Net of latents that is shown a picture's latents beside them, and one token.

    The token is made of the picture's CLIP embedding and of where the camera is, as seen from the picture's. Guidance
    leads away from no picture: zeros in place of both.

    Raises
    ------
    SjcError
        ``unsupported_pipeline`` if the network is one for another task or predicts something unknown;
        ``unsupported_noise_schedule``.
    """

    networks = ("unet", "vae", "image_encoder", *PLACES)
    optional = PLACES
    allowed: ClassVar[dict[str, tuple[str, ...]]] = {
        "unet": UNET,
        "vae": VAE,
        "image_encoder": CLIP_VISION,
        "scheduler": SCHEDULERS,
        **dict.fromkeys(PLACES, CAMERA_PROJECTION),
    }

    def __init__(self, pipeline: Any, device: torch.device) -> None:
        self._take_over(pipeline.unet, pipeline.scheduler)
        config = pipeline.unet.config
        if (config.in_channels, config.out_channels) != (2 * CHANNELS, CHANNELS):
            raise SjcError(
                "unsupported_pipeline",
                f"The network of the model takes {config.in_channels} channels and gives {config.out_channels}; one of "
                f"Zero-1-to-3 takes {2 * CHANNELS}, of its samples and of a picture, and gives {CHANNELS}.",
                "Choose a folder such as bennyguo/zero123-xl-diffusers, or a text-to-image model.",
            )
        self.channels = CHANNELS
        super().__init__(pipeline, device)
        self._width = int(config.cross_attention_dim)
        self._projection = next((layer for layer in (getattr(pipeline, name) for name in PLACES) if layer), None)
        self._shown: tuple[Tensor, Tensor, float] | None = None

    @classmethod
    def assemble(cls, folder: PipelineFolder, dtype: torch.dtype) -> Any:
        """Put the components into a pipeline of diffusers that varies a picture, with the projection beside it."""
        from diffusers import StableDiffusionImageVariationPipeline

        _refuse_stable(str(folder.path))
        there = [name for name in PLACES if name not in folder.absent]
        if len(there) != 1:
            raise SjcError(
                "missing_component",
                f"{folder.path} lacks the layer that a camera goes through: a folder {' or '.join(PLACES)}.",
                "Download the whole model again.",
            )
        parts = {name: load_part(folder.path, name, dtype) for name in ("unet", "vae", "image_encoder", "scheduler")}
        pipeline: Any = StableDiffusionImageVariationPipeline(
            **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )
        width, embedding = parts["unet"].config.cross_attention_dim, parts["image_encoder"].config.projection_dim
        for name in PLACES:
            layer = load_projection(folder.path / name, width, embedding, dtype) if name in there else None
            setattr(pipeline, name, layer)
        return pipeline

    def place(self, level: MemoryLevel) -> None:
        """See `PipelineModel.place`; the projection, which is small, is always where it runs."""
        super().place(level)
        if self._projection is not None:
            self._projection.to(self.device)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Embeddings [N, width + 4 x side x side] of no picture, zeros: of a text it knows nothing."""
        length = self._width + CHANNELS * self.sample_size**2
        return torch.zeros(len(texts), length, device=self.device)

    @torch.no_grad()
    def show_picture(self, picture: np.ndarray, elevation: float, size: int) -> None:
        """Take in the picture that is to be turned into an object.

        Parameters
        ----------
        picture : ndarray of uint8 of shape (H, W, 3)
            sRGB, the object on white, as in its training.
        elevation : float
            Degrees from which it looks; its azimuth is 0, the front.
        size : int
            Side of the samples that will be asked about.
        """
        vae, encoder = self._pipeline.vae, self._pipeline.image_encoder
        square = as_tensor(squared(picture)).permute(2, 0, 1)[None].contiguous().to(self.device)
        side = size * decoder_scale(vae.config)
        # From here on as in its pipeline: in [-1, 1], latents without their scaling, CLIP's own size bicubically.
        pixels = interpolate(square, (side, side), mode="bilinear", antialias=True, align_corners=False) * 2 - 1
        latents = vae.encode(pixels.to(vae.dtype)).latent_dist.mode().float()
        own = (encoder.config.image_size,) * 2
        small = (interpolate(pixels, own, mode="bicubic", align_corners=True) + 1) / 2
        mean, deviation = (torch.tensor(v).to(small).view(1, 3, 1, 1) for v in (CLIP_MEAN, CLIP_DEVIATION))
        embedding = encoder(((small - mean) / deviation).to(encoder.dtype)).image_embeds.float()
        self._shown = embedding, latents, elevation

    @torch.no_grad()
    def seen_from(self, condition: Condition, camera: Camera) -> Condition:
        """What the picture shows, seen by a camera, and nothing, as what guidance leads away from."""
        if self._shown is None or self._projection is None:
            raise ValueError("the model has been shown no picture")
        embedding, latents, elevation = self._shown
        told = torch.cat([embedding, relative_camera(camera, elevation).to(embedding)[None]], dim=1)
        token = self._projection(told.to(self._projection.weight.dtype)).float()
        positive = torch.cat([token, latents.flatten(1)], dim=1)
        return dataclasses.replace(condition, positive=positive, negative=torch.zeros_like(positive))

    def _predict(self, network_input: Tensor, timestep: int, embeddings: Tensor | None) -> Tensor:
        assert embeddings is not None  # `denoise` has seen to it
        told = embeddings.to(self.dtype)
        picture = told[:, self._width :].unflatten(1, network_input.shape[1:])
        seen = torch.cat([network_input.to(self.dtype), picture], dim=1)
        tokens = told[:, None, : self._width]
        output: Tensor = self._pipeline.unet(
            seen, self._time(timestep), encoder_hidden_states=tokens, return_dict=False
        )[0]
        return output


def relative_camera(camera: Camera, elevation: float) -> Tensor:
    """What Zero-1-to-3 is told of a camera [4], beside a picture seen from the front at an elevation in degrees.

    The polar angle (from above) beyond the picture's in radians, sine and cosine of the azimuth, and how much farther
    away it is in units of its training, all with its lens: a narrower one counts as nearer.
    """
    azimuth, above = camera_direction(camera)
    left, right = camera.window[:2]
    half = (right - left) / 2
    if camera.projection == "perspective":
        half *= math.hypot(*(row[3] for row in camera.pose[:3]))
    distance = half / math.tan(math.radians(LENS / 2))
    turn = math.radians(azimuth)
    return torch.tensor(
        [math.radians(elevation - above), math.sin(turn), math.cos(turn), (distance - DISTANCE) / UNIT],
        dtype=torch.float32,
    )


def _refuse_stable(path: str) -> None:
    """Refuse Stable Zero123 by its name: its files are those of Zero-1-to-3, and its fourth number means another."""
    if "stable-zero123" in path.casefold().replace("_", "-"):
        raise SjcError(
            "unsupported_pipeline",
            f"{path} is Stable Zero123 by its name: it is told its camera otherwise than Zero-1-to-3, which its files "
            "do not say, and its licence forbids commercial use.",
            "Choose Zero-1-to-3, such as bennyguo/zero123-xl-diffusers.",
        )
