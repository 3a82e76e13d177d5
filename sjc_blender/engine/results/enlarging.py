# SPDX-License-Identifier: GPL-3.0-or-later
"""Enlargement of small pictures."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

LEAST_SIDE = 256
"""Least pixels along a side of a preview, as shown in the panel."""


def enlarged(picture: Tensor) -> Tensor:
    """The picture [3, H, H] with values in [0, 1] at `LEAST_SIDE` pixels a side, bicubic; a larger one as it is."""
    if min(picture.shape[-2:]) >= LEAST_SIDE:
        return picture
    larger = functional.interpolate(picture[None], size=(LEAST_SIDE, LEAST_SIDE), mode="bicubic", align_corners=False)
    return larger[0].clamp(0.0, 1.0)
