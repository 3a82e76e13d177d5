# SPDX-License-Identifier: GPL-3.0-or-later
"""Binary entropy of opacities: a ray meets the object or nothing, no fog.

Latent-NeRF, https://arxiv.org/abs/2211.07600, section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .losses import PUBLISHED_RAYS

MARGIN = 1e-5
"""Opacities nearer to 0 or 1 count as decided: the entropy's slope has no bound there."""


def opacity_entropy(opacity: Tensor) -> Tensor:
    """Sum over the rays of -a log a - (1 - a) log(1 - a), in nats; the mean in images of 64 x 64.

    It draws opacities below one half to 0 and those above to 1, so it belongs to the later part of a run, when there is
    something to decide on. The sum is divided as that of `losses.emptiness` is.

    Parameters
    ----------
    opacity : Tensor [H, W]
        In [0, 1].
    """
    opacity = opacity.clamp(MARGIN, 1 - MARGIN)
    entropy = -opacity * torch.log(opacity) - (1 - opacity) * torch.log1p(-opacity)
    return entropy.sum() / PUBLISHED_RAYS
