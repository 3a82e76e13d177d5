# SPDX-License-Identifier: GPL-3.0-or-later
"""A bump of density in the middle of the box to start from.

DreamFusion, https://arxiv.org/abs/2209.14988, adds a Gaussian to what is activated, for good; here it is only where the
way begins.
"""

from __future__ import annotations

import torch

from ...protocol.spec import FieldSpec
from .field import VoxelField


def start_from_blob(field: VoxelField, settings: FieldSpec) -> None:
    """Set a new field's density, before its activation, to a Gaussian that is as wide as the box in proportion.

    Parameters
    ----------
    field : VoxelField
        At its start. Far from the middle it keeps its usual haze.
    settings : FieldSpec
        `blob_density` and `blob_radius` count.
    """
    axes = [(torch.arange(count) + 0.5) / count * 2 - 1 for count in field.shape]
    squares = torch.stack(torch.meshgrid(*axes, indexing="ij")).square().sum(dim=0)
    with torch.no_grad():
        field.density_grid.copy_(settings.blob_density * torch.exp(-squares / (2 * settings.blob_radius**2)))
