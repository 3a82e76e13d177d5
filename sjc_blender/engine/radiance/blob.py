# SPDX-License-Identifier: GPL-3.0-or-later
"""A bump of density in the middle of the box to start from.

DreamFusion, https://arxiv.org/abs/2209.14988, adds a Gaussian to what is activated, for good; here it is only where the
way begins.
"""

from __future__ import annotations

import torch

from .field import VoxelField

RADIUS = 0.2
"""Standard deviation as a share of the domain's half sides."""


def start_from_blob(field: VoxelField, height: float) -> None:
    """Set a new field's density, before its activation, to a Gaussian that is as wide as the box in proportion.

    Parameters
    ----------
    field : VoxelField
        At its start. Far from the middle it keeps its usual haze.
    height : float
        Of the bump, before the activation.
    """
    axes = [(torch.arange(count) + 0.5) / count * 2 - 1 for count in field.shape]
    squares = torch.stack(torch.meshgrid(*axes, indexing="ij")).square().sum(dim=0)
    with torch.no_grad():
        field.density_grid.copy_(height * torch.exp(-squares / (2 * RADIUS**2)))
