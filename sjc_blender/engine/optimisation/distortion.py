# SPDX-License-Identifier: GPL-3.0-or-later
"""The distortion loss: mean distance between the places that a ray's light comes from.

Mip-NeRF 360, https://arxiv.org/abs/2111.12077, Eq. 15; in one pass over the samples by prefix sums, as in
https://arxiv.org/abs/2206.05085.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .losses import PUBLISHED_RAYS


def distortion(weights: Tensor, spacing: float) -> Tensor:
    """Sum over the rays of the sum over i, j of w_i w_j abs(s_i - s_j) + spacing / 3 w_i^2; the mean in 64 x 64 images.

    The first part is the distance between two pieces of a ray, the second that within a piece. The sum over the rays is
    divided as that of `losses.emptiness` is.

    Parameters
    ----------
    weights : Tensor [N, S]
        Of samples that follow each other along the rays; those beyond the box are 0 and add nothing. A ray's last
        piece within the box may be shorter than the others and counts as one of them.
    spacing : float
        Between samples, in domain units.
    """
    places = spacing * torch.arange(weights.shape[1], dtype=weights.dtype, device=weights.device)
    weighted = weights * places
    before, weighted_before = (values.cumsum(dim=1) - values for values in (weights, weighted))
    between = 2 * (weighted * before - weights * weighted_before)
    within = spacing / 3 * weights.square()
    return (between + within).sum() / PUBLISHED_RAYS
