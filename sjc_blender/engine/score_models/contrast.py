# SPDX-License-Identifier: GPL-3.0-or-later
"""Guidance raises the contrast of a picture beyond what the model has ever seen; a part of it can be taken back.

Lin et al., https://arxiv.org/abs/2305.08891, section 3.4.
"""

from __future__ import annotations

import torch


def with_contrast_of(reference: torch.Tensor, guided: torch.Tensor, share: float) -> torch.Tensor:
    """Scale guided pictures towards the standard deviation of the unguided ones, sample by sample.

    Both are denoised pictures, whatever the network predicts: of noise or v, the deviation is that of mostly noise.

    Parameters
    ----------
    reference, guided : Tensor [B, C, H, W]
    share : float
        phi of the paper: 0 changes nothing, 1 gives the deviation of the reference.
    """
    if share == 0.0:
        return guided
    wanted, found = (picture.std(dim=(1, 2, 3), keepdim=True) for picture in (reference, guided))
    factor = wanted / found.clamp(min=torch.finfo(found.dtype).tiny)
    return guided * (share * factor + (1.0 - share))
