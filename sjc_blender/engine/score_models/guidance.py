# SPDX-License-Identifier: GPL-3.0-or-later
"""Guidance: what a prompt adds to the denoised picture of none, and by how much.

Classifier-free guidance, https://arxiv.org/abs/2207.12598, in the convention of Stable Diffusion; classifier score
distillation (CSD), https://arxiv.org/abs/2310.19415.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from .contrast import with_contrast_of
from .perp_neg import perpendicular
from .score_model import Condition

Denoiser = Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]
"""z [N, C, H, W] and embeddings [N, ...] or None, to D(z) [N, C, H, W], float32."""


Match = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Denoised samples of the positive and guided ones, [B, C, H, W], to what a family's sampler makes of the latter."""


def guided(denoiser: Denoiser, z: torch.Tensor, condition: Condition, match: Match | None = None) -> torch.Tensor:
    """Denoise under a condition, with all of its embeddings in one call.

    With D_p of the positive, D_n of the negative and d = D_p - D_n, to which Perp-Neg adds sum w_i of the parts of
    D_i - D_n that are perpendicular to d:

    ====================  ============================================================================================
    classifier-free       D_n + s d; at s = 1 without other views only the positive is evaluated
    ``classifier_only``   z + s d: as a denoiser its score is s d / sigma^2, that of an implicit classifier that tells
                          the positive from the negative. Classifier-free guidance is this and the negative's score.
    ====================  ============================================================================================

    A denoiser is affine in its network's output whatever that predicts (noise, v or the clean image), so all but the
    rescaling would be the same in the output; only the denoised picture has a contrast that means something.

    Parameters
    ----------
    denoiser : callable
        See `Denoiser`.
    z : Tensor [B, C, H, W], float32
    match : callable, optional
        See `Match`; of classifier-free guidance alone.

    Returns
    -------
    Tensor [B, C, H, W], float32
    """
    if condition.positive is None:
        return denoiser(z, None)
    positive = _repeated(condition.positive, len(z))
    if not condition.contrasted or condition.negative is None:
        return denoiser(z, positive)
    embeddings = [_repeated(condition.negative, len(z)), positive]
    if condition.other_views is not None:
        embeddings.extend(_repeated(condition.other_views, len(z)).unbind(dim=1))
    denoised = denoiser(torch.cat([z] * len(embeddings)), torch.cat(embeddings))
    of_negative, of_positive, *of_others = denoised.chunk(len(embeddings))
    difference = direction = of_positive - of_negative
    if condition.other_view_weights is not None:
        for of_other, weight in zip(of_others, condition.other_view_weights.unbind(dim=1), strict=True):
            direction = direction + weight.view(-1, 1, 1, 1) * perpendicular(of_other - of_negative, difference)
    if condition.classifier_only:
        return z + condition.guidance_scale * direction
    denoised = of_negative + condition.guidance_scale * direction
    if match is not None:
        denoised = match(of_positive, denoised)
    return with_contrast_of(of_positive, denoised, condition.rescale)


def _repeated(embedding: torch.Tensor, batch: int) -> torch.Tensor:
    return embedding.expand(batch, *embedding.shape[1:])
