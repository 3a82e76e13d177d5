# SPDX-License-Identifier: GPL-3.0-or-later
"""The optimiser of a voxel field."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch

from .field import VoxelField
from .marcher import marches_fused


@runtime_checkable
class SkippingAdamax(Protocol):
    """An Adamax that skips a step depending on a scalar on the device."""

    permitted: torch.Tensor | None
    """Boolean scalar; if false, the next step changes nothing."""


def adamax_for(field: VoxelField, groups: list[dict[str, Any]]) -> torch.optim.Adamax:
    """Return Adamax for the parameters of a field: fused if its renderer is, else PyTorch's own.

    The two have the same state, so that a checkpoint of one serves the other.
    """
    if not marches_fused(field):
        return torch.optim.Adamax(groups)
    # Imported when it is needed: Warp takes half a second.
    from .fused.adamax import FusedAdamax

    return FusedAdamax(groups)
