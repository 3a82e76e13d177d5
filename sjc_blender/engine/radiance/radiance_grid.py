# SPDX-License-Identifier: GPL-3.0-or-later
"""The radiance grid that results are made of: activated density and linear RGB."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .trilinear import interpolate


@dataclass(frozen=True)
class RadianceGrid:
    """Density and colour at voxel centres; the renderer takes it like a `VoxelField`.

    Unlike in a `VoxelField`, the activated density is what is interpolated: so do Blender and OpenVDB.

    Attributes
    ----------
    density_grid : Tensor [nx, ny, nz]
        Per domain unit, 0 or more.
    rgb_grid : Tensor [nx, ny, nz, 3]
        Linear RGB (Rec. 709).
    half_extents : Tensor [3]
        Of the box that the voxels fill, in domain units; voxels are cubes.
    background_rgb : Tensor [3]
        Linear RGB behind everything.
    """

    density_grid: Tensor
    rgb_grid: Tensor
    half_extents: Tensor
    background_rgb: Tensor

    @property
    def voxels(self) -> None:
        """None, as this is not a voxel field."""

    @property
    def voxel_size(self) -> float:
        """Side of a voxel in domain units."""
        longest = int(self.half_extents.argmax())
        return 2 * float(self.half_extents[longest]) / self.density_grid.shape[longest]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along X, Y and Z."""
        nx, ny, nz = self.density_grid.shape
        return nx, ny, nz

    def density(self, points: Tensor) -> Tensor:
        """Density [M] per domain unit at points [M, 3]; exactly 0 outside the box."""
        values = interpolate(self.density_grid[None], points, self.half_extents).squeeze(-1)
        return values * (points.abs() <= self.half_extents).all(dim=-1)

    def features(self, points: Tensor) -> Tensor:
        """Linear RGB [M, 3] at points [M, 3]; outside the box, that of the nearest voxel."""
        return interpolate(self.rgb_grid.movedim(-1, 0), points, self.half_extents)

    def background(self, directions: Tensor) -> Tensor:
        """Linear RGB [N, 3] in directions [N, 3]: the same in all."""
        return self.background_rgb.expand(len(directions), 3)
