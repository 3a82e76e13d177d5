# SPDX-License-Identifier: GPL-3.0-or-later
"""The one interface between the optimisation and any diffusion model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

from ...protocol.spec import Camera


@dataclass(frozen=True, eq=False)
class Condition:
    """What a model is asked to show.

    Attributes
    ----------
    positive : Tensor [B or 1, ...] or None
        Embedding of what is wanted, from `ScoreModel.encode`; None: no condition.
    negative : Tensor [B or 1, ...] or None
        Embedding of what guidance leads away from.
    guidance_scale : float
        Classifier-free guidance; at 1 the negative is not evaluated, unless another field needs it.
    classifier_only : bool
        Only what the positive adds to the negative, times the scale: see
        `sjc_blender.engine.score_models.guidance.guided`.
    rescale : float
        Share of the contrast that is taken back: see
        `sjc_blender.engine.score_models.contrast.with_contrast_of`.
    other_views : Tensor [B or 1, M, ...] or None
        Embeddings of views that this one is not: see `sjc_blender.engine.score_models.perp_neg`.
    other_view_weights : Tensor [B or 1, M] or None
        Their weights, below 0.
    control : Tensor [B or 1, 3, h, w] in [0, 1], or None
        Picture of the same view that a ControlNet follows: see `sjc_blender.engine.score_models.control`.
    control_strength : float
        Factor of what the ControlNet adds.
    picture : Tensor [B or 1, ...], or None
        Embedding of a picture beside the prompt: see `sjc_blender.engine.score_models.ip_adapter`.
    picture_strength : float
        Factor of what that adds.

    Raises
    ------
    ValueError
        If there is guidance but one of the two embeddings is missing, or other views without weights.
    """

    positive: torch.Tensor | None = None
    negative: torch.Tensor | None = None
    guidance_scale: float = 1.0
    classifier_only: bool = False
    rescale: float = 0.0
    other_views: torch.Tensor | None = None
    other_view_weights: torch.Tensor | None = None
    control: torch.Tensor | None = None
    control_strength: float = 1.0
    picture: torch.Tensor | None = None
    picture_strength: float = 1.0

    def __post_init__(self) -> None:
        if self.contrasted and (self.positive is None or self.negative is None):
            raise ValueError(f"guidance_scale {self.guidance_scale} needs a positive and a negative embedding")
        if (self.other_views is None) != (self.other_view_weights is None):
            raise ValueError("other views and their weights belong together")

    @property
    def contrasted(self) -> bool:
        """Whether the positive is held against the negative."""
        return self.guidance_scale != 1.0 or self.classifier_only or self.other_views is not None

    @property
    def evaluations(self) -> int:
        """Samples that the network sees for one sample that is denoised."""
        others = 0 if self.other_views is None else self.other_views.shape[1]
        return 2 + others if self.contrasted else 1


class ScoreModel(Protocol):
    """A pretrained 2D model, seen as a denoiser in the variance-exploding convention.

    Whatever the network predicts, the engine sees only D(z; sigma), the mean of the clean images
    given z = y + sigma n; its score is (D(z; sigma) - z) / sigma^2.

    Attributes
    ----------
    channels : int
        Channels of a sample: 4 or 16 for latents, 3 for pixels.
    sample_size : int
        Height and width of a sample at the model's own resolution.
    pixel_space : bool
        True if samples are sRGB images in [-1, 1]; False if they are latents.
    sigmas : Tensor [T], float64, on the CPU
        Finite noise levels in rising order; the index is the timestep.
    device : torch.device
        Where samples and embeddings live.
    """

    @property
    def channels(self) -> int: ...  # noqa: D102 - described by the class

    @property
    def sample_size(self) -> int: ...  # noqa: D102

    @property
    def pixel_space(self) -> bool: ...  # noqa: D102

    @property
    def sigmas(self) -> torch.Tensor: ...  # noqa: D102

    @property
    def device(self) -> torch.device: ...  # noqa: D102

    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """Embed texts.

        Returns
        -------
        Tensor [N, ...], float32
            Embeddings, which may be blended linearly; of a model of classes their labels [N], int64, which may not.
        """
        ...

    def denoise(self, z: torch.Tensor, timestep: int, condition: Condition) -> torch.Tensor:
        """Estimate the clean sample.

        Parameters
        ----------
        z : Tensor [B, C, H, W], float32
            y + sigma n with sigma = ``sigmas[timestep]``.

        Returns
        -------
        Tensor [B, C, H, W], float32
            D(z; sigma), without gradients.
        """
        ...

    def decode(self, samples: torch.Tensor) -> torch.Tensor:
        """Turn samples into pictures.

        Parameters
        ----------
        samples : Tensor [B, C, H, W], float32

        Returns
        -------
        Tensor [B, 3, h, w], float32
            sRGB in [0, 1], without gradients.
        """
        ...


@runtime_checkable
class ToldItsCameras(Protocol):
    """A score model whose networks are told from where they look."""

    def seen_from(self, condition: Condition, camera: Camera) -> Condition:
        """A condition, with all that its embeddings say of a camera said of this one."""


def views_seen_together(model: ScoreModel) -> int:
    """How many views, evenly around the object, a model's networks see at once: neighbours in a batch; 1 of most."""
    return int(getattr(model, "together", 1))
