"""What an edit leaves as it is: the field outside a region, its scale and its background."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .field import VoxelField


class KeptField:
    """The state of a field that its steps may change in a region only.

    It is put back after every step instead of being left out of it, so that no optimiser's momentum, and nothing that
    all voxels share, can get past it.

    Parameters
    ----------
    field : VoxelField
        As it is to be kept.
    region : Tensor [nx, ny, nz]
        Not 0 where the field may change; a field of another resolution takes the nearest voxel's.

    Attributes
    ----------
    free : Tensor [nx, ny, nz]
        Where it may change, on the field's grid.
    """

    def __init__(self, field: VoxelField, region: Tensor) -> None:
        free = functional.interpolate(region[None, None].float(), size=field.shape, mode="nearest-exact")[0, 0] > 0
        self.free = free.to(field.density_grid.device)
        self._parameters = {name: value.detach().clone() for name, value in field.named_parameters()}

    @torch.no_grad()
    def restore(self, field: VoxelField) -> None:
        """Put back what is kept, bit by bit."""
        for name, parameter in field.named_parameters():
            kept = self._parameters[name]
            parameter.copy_(torch.where(self.free, parameter, kept) if parameter.ndim == 4 else kept)
