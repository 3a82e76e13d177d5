"""Classifier-free guidance: https://arxiv.org/abs/2207.12598, in the convention of Stable Diffusion."""

from __future__ import annotations

from collections.abc import Callable

import torch

from .score_model import Condition

Network = Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]
"""Input [N, C, H, W] and embeddings [N, ...] or None, to output [N, C, H, W] float32."""


def guided(network: Network, network_input: torch.Tensor, condition: Condition) -> torch.Tensor:
    """Evaluate a network under a condition: out_n + s (out_p - out_n), both in one call.

    The denoiser is affine in the network's output whatever that predicts (noise, v or the clean image),
    so guiding the output is guiding the denoiser. At s = 1 only the positive is evaluated.

    Parameters
    ----------
    network : callable
        See `Network`.
    network_input : Tensor [B, C, H, W]
    condition : Condition

    Returns
    -------
    Tensor [B, C, H, W], float32
    """
    if condition.positive is None:
        return network(network_input, None)
    batch = network_input.shape[0]
    positive = _repeated(condition.positive, batch)
    if condition.guidance_scale == 1.0 or condition.negative is None:
        return network(network_input, positive)
    embeddings = torch.cat([_repeated(condition.negative, batch), positive])
    negative_output, positive_output = network(torch.cat([network_input, network_input]), embeddings).chunk(2)
    return negative_output + condition.guidance_scale * (positive_output - negative_output)


def _repeated(embedding: torch.Tensor, batch: int) -> torch.Tensor:
    return embedding.expand(batch, *embedding.shape[1:])
