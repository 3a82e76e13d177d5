# SPDX-License-Identifier: GPL-3.0-or-later
"""The voxel radiance field that is optimised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...protocol.errors import SjcError
from ...protocol.proxy import grid_shape
from ...protocol.spec import Renderer
from .background import LatLongTexture
from .trilinear import interpolate

DENSITY_SHIFT = -1.0


def before_activation(density: Tensor) -> Tensor:
    """The raw value, the grid's times exp(d_scale), that becomes a density per domain unit, 0 or more."""
    density = density.clamp(min=torch.finfo(density.dtype).tiny)
    return density + torch.log(-torch.expm1(-density)) - DENSITY_SHIFT


class VoxelField(nn.Module):
    """Density and features in a box of cubic voxels, and a background around it.

    density = softplus(grid * exp(d_scale) - 1) and the features are interpolated first and activated
    afterwards, as in the authors' code (https://github.com/pals-ttic/sjc). The density grid and
    d_scale start at 0, so the box starts as a haze of density 0.313.

    Parameters
    ----------
    half_extents : sequence of float
        Half sides of the box in domain units, the longest 1. The field's own `half_extents` are these,
        rounded to whole voxels.
    resolution : int
        Voxels along the longest side.
    channels : int
        Of the features.
    feature_std : float
        Standard deviation of the features at the start.
    background : sequence of float
        Feature at which the background starts (before the activation); empty: zeros.
    learned_background : bool
        False: the background stays as it is.
    pixel_space : bool
        Features are colours in [-1, 1]: 2 sigmoid(f) - 1, of the background too.
    renderer : str
        ``"fused"``, ``"torch"``, or ``"auto"``, the fused one where it can be had; see `marcher.marcher_for`.
    generator : torch.Generator or None
        Source of the features at the start, on the CPU.

    Raises
    ------
    SjcError
        ``invalid_background`` if `background` does not have one value a channel.
    """

    half_extents: Tensor

    def __init__(
        self,
        half_extents: Sequence[float],
        resolution: int,
        channels: int,
        *,
        feature_std: float = 1.0,
        background: Sequence[float] = (),
        learned_background: bool = True,
        pixel_space: bool = False,
        renderer: Renderer = "auto",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if len(background) not in (0, channels):
            raise SjcError(
                "invalid_background",
                f"field.background has {len(background)} values; the model's samples have {channels} channels.",
                f"Give {channels} numbers, or none for a background that starts at zero.",
            )
        self.shape = nx, ny, nz = grid_shape(half_extents, resolution)
        self.voxel_size = 2.0 / resolution
        self.pixel_space = pixel_space
        self.renderer = renderer
        extents = [size * self.voxel_size / 2 for size in self.shape]
        self.half_size = extents[0], extents[1], extents[2]
        self.register_buffer("half_extents", torch.tensor(extents, dtype=torch.float32), persistent=False)

        self.density_grid = nn.Parameter(torch.zeros(1, nx, ny, nz))
        self.density_scale = nn.Parameter(torch.zeros(()))
        features = feature_std * torch.randn(channels, nx, ny, nz, generator=generator)
        # In memory the features of a voxel lie together: they are always looked up together.
        self.feature_grid = nn.Parameter(features.movedim(0, -1).contiguous().movedim(-1, 0))
        self.background_texture = LatLongTexture(channels, background or (0.0,) * channels)
        self.background_texture.requires_grad_(learned_background)

    @property
    def voxels(self) -> VoxelField:
        """The field itself."""
        return self

    def density(self, points: Tensor) -> Tensor:
        """Density [M] per domain unit at points [M, 3]; exactly 0 outside the box."""
        raw = interpolate(self.density_grid, points, self.half_extents).squeeze(-1)
        inside = (points.abs() <= self.half_extents).all(dim=-1)
        return self._activated_density(raw) * inside

    def features(self, points: Tensor) -> Tensor:
        """Features [M, C] at points [M, 3]; outside the box, those of the nearest voxel."""
        return self._activated_features(interpolate(self.feature_grid, points, self.half_extents))

    def background(self, directions: Tensor) -> Tensor:
        """Background features [N, C] in directions [N, 3]."""
        return self._activated_features(self.background_texture(directions))

    def mean_background(self) -> Tensor:
        """Background features [C], averaged over the texture."""
        return self._activated_features(self.background_texture.texels.flatten(0, -2)).mean(dim=0)

    def before(self, colour: Tensor) -> FieldBeforeColour:
        """The same field before one colour [C] (activated features) in all directions."""
        return FieldBeforeColour(self, colour)

    def density_at_voxels(self) -> Tensor:
        """Density [nx, ny, nz] per domain unit at the voxel centres."""
        return self._activated_density(self.density_grid[0])

    def raw_density_grid(self) -> Tensor:
        """Raw density at the voxel centres [1, nx, ny, nz], before the shift and the softplus."""
        return self.density_grid * self.density_scale.exp()

    def features_at_voxels(self) -> Tensor:
        """Features [nx, ny, nz, C] at the voxel centres."""
        return self._activated_features(self.feature_grid).movedim(0, -1)

    def parameter_groups(self, learning_rate: float, background_learning_rate: float) -> list[dict[str, Any]]:
        """Groups for an optimiser: the voxels and d_scale, and the background if it is learned."""
        voxels = [self.density_grid, self.density_scale, self.feature_grid]
        groups: list[dict[str, Any]] = [{"params": voxels, "lr": learning_rate}]
        if self.background_texture.texels.requires_grad:
            groups.append({"params": [self.background_texture.texels], "lr": background_learning_rate})
        return groups

    def _activated_density(self, raw: Tensor) -> Tensor:
        return functional.softplus(raw * self.density_scale.exp() + DENSITY_SHIFT)

    def _activated_features(self, raw: Tensor) -> Tensor:
        return 2 * torch.sigmoid(raw) - 1 if self.pixel_space else raw


class FieldBeforeColour:
    """A field for the renderer, with one colour in place of its own background.

    Parameters
    ----------
    colour : Tensor [C]
        Activated features.
    """

    def __init__(self, field: VoxelField, colour: Tensor) -> None:
        self.voxels = field
        self.half_extents = field.half_extents
        self.voxel_size = field.voxel_size
        self.density = field.density
        self.features = field.features
        self._colour = colour

    def background(self, directions: Tensor) -> Tensor:
        """The colour [N, C] in directions [N, 3]."""
        return self._colour.expand(len(directions), -1)
