# SPDX-License-Identifier: GPL-3.0-or-later
"""Perp-Neg: away from the views that a camera does not have, not away from the object.

Armandpour et al., https://arxiv.org/abs/2304.04968: models prefer the front of things whatever view they are asked for,
hence objects with several faces. A negative prompt "front view of a cat" would lead away from the cat as well; only the
part of its direction that is perpendicular to the prompt's own is taken.
"""

from __future__ import annotations

import math

import torch

from ...protocol.views import View, ViewVocabulary


def perpendicular(direction: torch.Tensor, main: torch.Tensor) -> torch.Tensor:
    """Take the part of directions [B, C, H, W] that is perpendicular to the main ones, sample by sample."""
    along = (direction * main).sum(dim=(1, 2, 3), keepdim=True)
    length = main.square().sum(dim=(1, 2, 3), keepdim=True)
    return direction - along / length.clamp(min=torch.finfo(length.dtype).tiny) * main


def other_views(views: ViewVocabulary, azimuth: float, elevation: float) -> list[tuple[View, float]]:
    """Views that a camera in this direction is led away from, with weights of at most 0.

    These are the front and the side that is nearer, by the model's own words for this elevation: from the front to
    the side each the more the farther it is, behind the side the front always and the side a little. Where one view
    serves all azimuths, such as overhead, there are none.

    The weights are the shifted exponentials a exp(-b r) + c of the paper, with the constants of threestudio
    (https://github.com/threestudio-project/threestudio).

    Parameters
    ----------
    azimuth, elevation : float
        Degrees.
    """
    azimuth = (azimuth + 180.0) % 360.0 - 180.0
    (_band, front), (_band, side) = (views.nearest(around, elevation) for around in (0.0, math.copysign(90.0, azimuth)))
    if front == side:
        return []
    turn = abs(azimuth) / 90.0
    if turn < 1.0:
        from_front = 4.0 * math.exp(-0.5 * (1.0 - turn)) - 2.426
        from_side = 4.0 * math.exp(-0.5 * turn) - 2.426
    else:
        from_front = math.exp(-0.5 * (2.0 - turn)) + 0.967
        from_side = math.exp(-0.5 * (2.0 - turn)) - 0.606
    return [(front, -max(0.0, from_front)), (side, -max(0.0, from_side))]
