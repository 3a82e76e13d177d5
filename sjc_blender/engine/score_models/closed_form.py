# SPDX-License-Identifier: GPL-3.0-or-later
"""A denoiser without a network: exact for a known set of images, the oracle of the end-to-end tests."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .noise_levels import sigma_table
from .score_model import Condition

STABLE_DIFFUSION_SCHEDULE = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "num_train_timesteps": 1000,
}


class ClosedFormDenoiser:
    """The ideal denoiser of a finite set of images, a `sjc_blender.engine.score_models.score_model.ScoreModel`.

    D(z; sigma) is the mean of the images weighted by softmax(-|z - x_k|^2 / (2 sigma^2)), the posterior mean when
    the data are the images x_k with equal probability (https://arxiv.org/abs/2206.00364, Eq. 57).

    A condition's `positive` [B or 1, K, C, H, W] replaces the set, so that each viewpoint can have images of its own
    (`sjc_blender.engine.score_models.conditioning.Conditioner`); guidance does not apply.

    Parameters
    ----------
    images : Tensor [K, 3, H, H], float32
        sRGB in [-1, 1].
    sigmas : Tensor [T], float64, optional
        Noise levels in rising order; Stable Diffusion's if not given.

    Raises
    ------
    ValueError
        If `images` are not square RGB images.
    """

    pixel_space = True
    channels = 3

    def __init__(self, images: torch.Tensor, sigmas: torch.Tensor | None = None) -> None:
        if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] != images.shape[3]:
            raise ValueError(f"images have the shape {tuple(images.shape)}; needed is [K, 3, H, H]")
        self.images = images
        self.sigmas = sigma_table(STABLE_DIFFUSION_SCHEDULE) if sigmas is None else sigmas
        self.sample_size: int = images.shape[-1]
        self.device = images.device

    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """Every text stands for the whole set [N, K, C, H, W]."""
        return self.images.expand(len(texts), *self.images.shape)

    @torch.no_grad()
    def denoise(self, z: torch.Tensor, timestep: int, condition: Condition) -> torch.Tensor:
        """See `sjc_blender.engine.score_models.score_model.ScoreModel.denoise`."""
        images = self.images[None] if condition.positive is None else condition.positive
        flat = images.flatten(2).expand(z.shape[0], -1, -1)
        # By differences, not by |z|^2 - 2 z.x + |x|^2: at small sigma float32 would drown in the cancellation.
        distances = torch.cdist(z.flatten(1)[:, None], flat, compute_mode="donot_use_mm_for_euclid_dist")
        sigma = float(self.sigmas[timestep])
        weights = torch.softmax(-distances.square() / (2.0 * sigma**2), dim=-1)
        return (weights @ flat).reshape(z.shape)

    def decode(self, samples: torch.Tensor) -> torch.Tensor:
        """Take [-1, 1] to [0, 1]."""
        return (samples / 2.0 + 0.5).clamp(0.0, 1.0)
