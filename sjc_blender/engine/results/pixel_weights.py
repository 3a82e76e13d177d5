# SPDX-License-Identifier: GPL-3.0-or-later
"""The weights of voxels in pixels: volume rendering as a sparse matrix."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from scipy.sparse import csr_array, vstack
from torch import Tensor

from ..radiance.marching import STEPS_PER_VOXEL
from ..radiance.radiance_grid import RadianceGrid
from ..radiance.rays import Rays
from ..radiance.renderer import WEIGHT_THRESHOLD, render

CHUNK = 2**21
"""Samples at a time, some 100 bytes each."""


@torch.no_grad()
def pixel_weights(grid: RadianceGrid, rays: Rays) -> csr_array:
    """The matrix by which the voxels' colours become the rays' colours, in front of the background.

    Parameters
    ----------
    grid : RadianceGrid
        Its colours do not matter.
    rays : Rays
        N of them.

    Returns
    -------
    sparse array [N, nx * ny * nz] float32
        Non-negative; a row's sum is the ray's opacity, but for samples too faint to be rendered.
    """
    samples = 2.0 * float(grid.half_extents.norm()) / grid.voxel_size * STEPS_PER_VOXEL
    count = max(1, int(CHUNK / samples))
    return vstack([_chunk(grid, part) for part in rays.split(count)], format="csr")


def _chunk(grid: RadianceGrid, rays: Rays) -> csr_array:
    recorder = _Recorder(grid)
    shares = render(recorder, rays).weights
    visible = (shares > WEIGHT_THRESHOLD).nonzero(as_tuple=True)
    voxels, weights = _corners(recorder.points, grid)
    weights = weights * shares[visible][:, None]
    first = np.searchsorted(visible[0].cpu().numpy(), np.arange(len(shares) + 1)) * voxels.shape[1]
    entries = (weights.flatten().cpu().numpy(), voxels.flatten().cpu().numpy())
    matrix = csr_array((*entries, first), shape=(len(shares), grid.density_grid.numel()))
    matrix.sum_duplicates()
    return matrix


class _Recorder:
    """A grid for the renderer that keeps the points whose colour is asked for."""

    voxels = None

    def __init__(self, grid: RadianceGrid) -> None:
        self.half_extents = grid.half_extents
        self.voxel_size = grid.voxel_size
        self.density = grid.density
        self.background = grid.background
        self.points = torch.empty(0, 3)

    def features(self, points: Tensor) -> Tensor:
        self.points = points
        return torch.zeros_like(points)


def _corners(points: Tensor, grid: RadianceGrid) -> tuple[Tensor, Tensor]:
    """Flat indices and trilinear weights, both [M, 8], of the voxels around points [M, 3]."""
    sizes = torch.tensor(grid.shape, device=points.device)
    position = (points + grid.half_extents) / grid.voxel_size - 0.5
    # In the outer half voxel the outermost centres count alone.
    position = position.clamp(torch.zeros_like(position[:1]), (sizes - 1).to(position))
    lower = position.floor().long()
    upper = torch.minimum(lower + 1, sizes - 1)
    share = position - lower
    voxels, weights = [], []
    for ends in itertools.product((0, 1), repeat=3):
        at_upper = torch.tensor(ends, device=points.device, dtype=torch.bool)
        x, y, z = torch.where(at_upper, upper, lower).unbind(dim=1)
        voxels.append((x * sizes[1] + y) * sizes[2] + z)
        weights.append(torch.where(at_upper, share, 1 - share).prod(dim=1))
    return torch.stack(voxels, dim=1), torch.stack(weights, dim=1)
