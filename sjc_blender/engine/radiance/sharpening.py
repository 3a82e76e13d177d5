# SPDX-License-Identifier: GPL-3.0-or-later
"""Sharpening of a field's edges: the contrast of its density is raised about one level."""

from __future__ import annotations

import torch
from torch import Tensor

from .field import VoxelField, before_activation

LEVEL = 0.2
"""Share of the usual density of matter, see `usual_density`, that stays as it is.

A smooth edge has its place at half. Less is taken for the sake of what is fainter than the rest, pale parts before a
pale background: at .35 their walls get holes, at .5 a mug's cavity opens, too.
"""

SOLID = 2.0
"""Optical depth of a voxel beyond which it counts for no more: what was sharpened before, in a job that goes on with
another one's field, would set a level that nothing new reaches."""

OPAQUE = 16.0
"""Optical depth of a voxel beyond which nothing is made denser: it stops all but 1e-7 of the light."""


def usual_density(density: Tensor) -> Tensor:
    """Mean of a density, each place counting by its density: that of the object, however much haze is around it.

    Parameters
    ----------
    density : Tensor
        0 or more.

    Returns
    -------
    Tensor
        Scalar.
    """
    return density.square().sum() / density.sum().clamp(min=torch.finfo(density.dtype).tiny)


@torch.no_grad()
def sharpen(field: VoxelField, factor: float, free: Tensor | None = None) -> None:
    """Spread the grid's values about that of a level: what is fainter fades, what is denser gets opaque.

    An optimised density is a smooth hill, half-transparent on its slopes. Its level set near half of its height is
    where the eye puts the surface, and stays; the slopes become `factor` times steeper, before the activation. Late in
    a run the steps that are left repair what it tears. As the growing sharpness of signed distance fields does (NeuS,
    https://arxiv.org/abs/2106.10689), for a density.

    Parameters
    ----------
    factor : float
        1 or more.
    free : Tensor [nx, ny, nz], optional
        Booleans: the voxels that the level is taken from; by default all.
    """
    scale, grid = field.density_scale.exp(), field.density_grid
    density = field.density_at_voxels().clamp(max=SOLID / field.voxel_size)
    usual = usual_density(density if free is None else density * free)
    level = before_activation(LEVEL * usual) / scale
    most = before_activation(grid.new_tensor(OPAQUE / field.voxel_size)) / scale
    # What was denser than that before remains.
    grid.copy_(torch.minimum(level + factor * (grid - level), torch.maximum(grid, most)))
