# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy: a coarse shape as which the density starts, and a loss that keeps the density close to it.

The loss is Sketch-Shape's of Latent-NeRF (https://arxiv.org/abs/2211.07600, section 4.2), at the voxels instead of at
points along rays: what belongs to the shape alone is computed once.
"""

from __future__ import annotations

import torch
from scipy.ndimage import distance_transform_edt, gaussian_filter
from torch import Tensor
from torch.nn import functional

from ...protocol.spec import CLOSE
from .field import VoxelField, before_activation

INSIDE = 4.0
"""Density inside, per domain unit: a tenth of the box across hides half of what is behind it. The steps make it as
dense as it has to be, and carve what is too much; with 8 and 20 they carved less (`benchmarks.quality.proxies`).
What an edit has there before is no denser either, for the same reason."""

OUTSIDE = 0.02
"""Density outside: hardly seen, and enough for the score to reach the voxels that are to grow."""

BLUR = 1.0
"""Standard deviation, in voxels, by which the shape is softened."""

THICKNESS = 0.2
"""Domain units of matter whose opacity is compared with the shape."""

HALFWAY = 0.1
"""sigma_S, in domain units, of looseness 0.5: a twentieth of the box."""

PULL = 5.0
"""Strength of the loss relative to the score; see `pull_weight`."""


class Proxy:
    """A shape and its looseness.

    Parameters
    ----------
    occupancy : Tensor [nx, ny, nz]
        0 or 1, of the whole box. A field of another resolution gets the shares of its voxels that are filled.
    looseness : float
        0 to below 1; see `sjc_blender.protocol.spec.ProxySpec`. At 1 there is no proxy.
    """

    def __init__(self, occupancy: Tensor, looseness: float) -> None:
        assert 0 <= looseness < 1, "at 1 there is no proxy"
        self.occupancy = occupancy.cpu().float()
        self.looseness = looseness
        self.tolerance = HALFWAY * looseness / (1 - looseness)
        self._held: tuple[VoxelField, _Held] | None = None

    @torch.no_grad()
    def start(self, field: VoxelField) -> None:
        """Set a new field's density to the shape.

        Looseness goes between the shape and the usual haze in what is activated, not in density.
        """
        share = torch.from_numpy(gaussian_filter(self._share(field).numpy(), BLUR, mode="nearest"))
        density = OUTSIDE + (INSIDE - OUTSIDE) * share
        # d_scale is 0 at the start.
        field.density_grid.copy_((1 - self.looseness) * before_activation(density)[None])

    def loss(self, field: VoxelField) -> Tensor:
        """Mean over the voxels of w H(occupancy, opacity), a scalar in nats.

        H is the cross-entropy between the share of a voxel that is filled and the opacity of 0.2 domain units of its
        density; w = 1 - exp(-d^2 / (2 sigma_S^2)) with d the distance from the shape's surface.
        """
        return self._of(field).loss(field.density_at_voxels())

    @torch.no_grad()
    def confine(self, field: VoxelField) -> None:
        """Empty again the voxels of which nothing lies in a shape that is kept to closely."""
        if self.looseness >= CLOSE:
            return
        empty = before_activation(torch.tensor(OUTSIDE)).to(field.density_grid) * (-field.density_scale).exp()
        grid = field.density_grid[0]
        torch.where(self._of(field).empty, torch.minimum(grid, empty), grid, out=grid)

    def _of(self, field: VoxelField) -> _Held:
        # The distances are computed once for every grid that a run has.
        if self._held is None or self._held[0] is not field:
            self._held = field, self._weights(field)
        return self._held[1]

    def _share(self, field: VoxelField) -> Tensor:
        return functional.interpolate(self.occupancy[None, None], size=field.shape, mode="area")[0, 0]

    def _weights(self, field: VoxelField) -> _Held:
        distance = functional.interpolate(
            surface_distance(self.occupancy)[None, None], size=field.shape, mode="trilinear"
        )[0, 0]
        if self.tolerance > 0:
            weight = -torch.expm1(-distance.square() / (2 * self.tolerance**2))
        else:
            weight = torch.ones_like(distance)
        share = self._share(field)
        device = field.density_grid.device
        inside = (share * weight).flatten().to(device)
        outside = (THICKNESS * (1 - share) * weight).to(device)
        return _Held(outside, inside.nonzero().squeeze(1), inside[inside > 0], (share == 0).to(device))


def pull_weight(score: Tensor, images: Tensor) -> Tensor:
    """Weight of the loss in a step: in units of the score, so that a looseness means the same with every model.

    Parameters
    ----------
    score : Tensor
        Scalar, the root of the mean square of the scores of the renders.
    images : Tensor [V, C, H, W]
        The renders.
    """
    return PULL * score * images[0, 0].numel()


class _Held:
    """The loss on one grid.

    With the opacity a = 1 - exp(-t sigma), the cross-entropy -(1 - o) log(1 - a) - o log a is linear in the density
    outside; its other part is needed only where the shape is. `empty` are the voxels of which nothing lies in it.
    """

    def __init__(self, outside: Tensor, inside_at: Tensor, inside: Tensor, empty: Tensor) -> None:
        self._outside, self._inside_at, self._inside, self.empty = outside, inside_at, inside, empty

    def loss(self, density: Tensor) -> Tensor:
        """Mean over the voxels, of a density [nx, ny, nz]."""
        outside = torch.dot(self._outside.flatten(), density.flatten())
        matter = density.flatten().index_select(0, self._inside_at) * THICKNESS
        # Of no density at all, the logarithm would have no bound.
        inside = torch.dot(self._inside, torch.log(-torch.expm1(-matter.clamp(min=torch.finfo(matter.dtype).tiny))))
        return (outside - inside) / density.numel()


def surface_distance(occupancy: Tensor) -> Tensor:
    """Distance [nx, ny, nz] of every voxel's centre from the surface of a shape, in domain units.

    Parameters
    ----------
    occupancy : Tensor [nx, ny, nz]
        0 or 1, of the whole box. The surface runs between voxels; what is filled up to the box's side ends there.
    """
    filled = functional.pad(occupancy, (1, 1) * 3).numpy() > 0.5
    voxel = 2.0 / max(occupancy.shape)
    # To the nearest centre on the other side of the surface, which lies half a voxel before it.
    apart = (distance_transform_edt(filled) + distance_transform_edt(~filled) - 0.5) * voxel
    return torch.from_numpy(apart[1:-1, 1:-1, 1:-1]).float()
