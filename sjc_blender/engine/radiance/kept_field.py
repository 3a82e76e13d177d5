# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of a field that an edit keeps: outside a region, with its scale and background."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .field import VoxelField
from .field_origin import coarse_density, coarse_features


class KeptField:
    """The state of a field that its steps may change in a region only.

    It is put back after every step instead of being left out of it, so that no optimiser's momentum, and nothing that
    all voxels share, can get past it. While a run is on coarser grids than the field's own, what is kept is the field
    on them, see `coarse_density`; once it gets to its own, every bit.

    Parameters
    ----------
    field : VoxelField
        As it is to be kept; it is not copied, so nothing else may change it.
    region : Tensor [nx, ny, nz]
        Not 0 where the field may change; a field of another resolution takes the nearest voxel's.
    """

    def __init__(self, field: VoxelField, region: Tensor) -> None:
        self._field = field
        self._region = region
        self._held: _OnGrid | None = None

    def free(self, field: VoxelField) -> Tensor:
        """Where a field may change, on its grid [nx, ny, nz]."""
        return self._on_grid_of(field).free

    @torch.no_grad()
    def leave_out(self, field: VoxelField) -> None:
        """Remove the kept voxels from the gradient of d_scale, which all voxels share, so that the region decides."""
        kept = self._on_grid_of(field)
        grid, scale = field.density_grid, field.density_scale
        # On the whole grid d_scale is put back after every step, whatever its gradient.
        if not kept.whole and grid.grad is not None and scale.grad is not None:
            # As raw = grid exp(d_scale), both derivatives are of that product.
            scale.grad.copy_((grid.grad * grid * kept.free).sum())

    @torch.no_grad()
    def restore(self, field: VoxelField) -> None:
        """Restore the kept part after a step."""
        kept = self._on_grid_of(field)
        if kept.whole:
            field.density_scale.copy_(self._field.density_scale)
            density = kept.density
        else:
            # Below its initial value, d_scale would keep the region from fading.
            field.density_scale.clamp_(min=0.0)
            density = kept.density / field.density_scale.exp()
        field.density_grid.copy_(torch.where(kept.free, field.density_grid, density))
        field.feature_grid.copy_(torch.where(kept.free, field.feature_grid, kept.features))
        field.background_texture.load_state_dict(self._field.background_texture.state_dict())

    @torch.no_grad()
    def carry_on(self, field: VoxelField) -> None:
        """Restore the kept part after a change of grid; the region keeps its density although the scale changes."""
        if self._on_grid_of(field).whole:
            field.density_grid.mul_((field.density_scale - self._field.density_scale).exp())
        self.restore(field)

    def _on_grid_of(self, field: VoxelField) -> _OnGrid:
        # Computed once for every grid that a run has.
        if self._held is None or self._held.features.shape[1:] != field.shape:
            free = functional.interpolate(self._region[None, None].float(), size=field.shape, mode="nearest-exact")
            whole = field.shape == self._field.shape
            if whole:
                density, features = self._field.density_grid.detach(), self._field.feature_grid.detach()
            else:
                density, features = (make(self._field, field.shape) for make in (coarse_density, coarse_features))
            self._held = _OnGrid((free[0, 0] > 0).to(density.device), whole, density, features)
        return self._held


@dataclass(frozen=True)
class _OnGrid:
    """A kept field on one grid, which may be the `whole` one, its own; on others the density is that of d_scale 0."""

    free: Tensor
    whole: bool
    density: Tensor
    features: Tensor
