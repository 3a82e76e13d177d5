# SPDX-License-Identifier: GPL-3.0-or-later
"""Marching rays through a radiance field: emission and absorption, dense and differentiable."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from .rays import Rays

if TYPE_CHECKING:
    from .field import VoxelField

STEPS_PER_VOXEL = 2


class RadianceField(Protocol):
    """The interface of a field for the renderer; `VoxelField` and `RadianceGrid` have it."""

    @property
    def half_extents(self) -> Tensor:
        """Half sides [3] of the box, in domain units; nothing is rendered outside."""

    @property
    def voxel_size(self) -> float:
        """Side of a voxel, in domain units."""

    def density(self, points: Tensor) -> Tensor:
        """Density [M] per domain unit at points [M, 3]."""

    def features(self, points: Tensor) -> Tensor:
        """Features [M, C] at points [M, 3]."""

    def background(self, directions: Tensor) -> Tensor:
        """Features [N, C] behind the box, in directions [N, 3]."""

    @property
    def voxels(self) -> VoxelField | None:
        """The voxel field, apart from its background; None for other fields."""


@dataclass(frozen=True)
class Marched:
    """An image of N rays of up to S samples, and sums along them.

    Attributes
    ----------
    weights : Tensor [N, S]
        w = (1 - exp(-tau)) exp(-sum of the tau before) of each sample; 0 beyond the box.
    image : Tensor [C, N]
        Sum of w f, over the background: sum of w f + passed * background.
    depths : Tensor [N]
        Sum of w t, in domain units.
    passed : Tensor [N]
        Transmittance of the whole ray, 1 - sum of w.
    log_sums : Tensor [N]
        Sum of log(1 + s w).
    """

    weights: Tensor
    image: Tensor
    depths: Tensor
    passed: Tensor
    log_sums: Tensor


def march_densely(field: RadianceField, rays: Rays, weight_threshold: float, emptiness_scale: float) -> Marched:
    """March with PyTorch's own operations: any field, device and precision.

    The fused kernels are tested against it.

    Samples lie half a voxel apart, in the middle of their segments, without jitter; the last segment
    of a ray ends where the box ends.

    Parameters
    ----------
    weight_threshold : float
        Features are looked up only where w is above this; the others count as 0.
    emptiness_scale : float
        The s of the logarithms.
    """
    samples = place_samples(field, rays)
    tau = _optical_depth(field, samples)
    before = functional.pad(tau.cumsum(dim=1), (1, 0))
    transmittance = torch.exp(-before)
    weights = transmittance[:, :-1] * -torch.expm1(-tau)
    passed = transmittance[:, -1]
    features = _gather_features(field, samples, weights, weight_threshold)
    image = (features + passed[:, None] * field.background(rays.directions)).T
    depths = (weights * samples.distances).sum(dim=1)
    log_sums = torch.log1p(emptiness_scale * weights).sum(dim=1)
    return Marched(weights, image, depths, passed, log_sums)


@dataclass(frozen=True)
class Samples:
    """Points along rays: `points` [N * S, 3], the others [N, S]; beyond the box `lengths` are 0."""

    points: Tensor
    distances: Tensor
    lengths: Tensor


def place_samples(field: RadianceField, rays: Rays) -> Samples:
    """The middles of the half-voxel segments of all rays."""
    step = field.voxel_size / STEPS_PER_VOXEL
    entry, length = intersect_box(rays, field.half_extents)
    count = max(1, math.ceil(float(length.max()) / step))
    starts = step * torch.arange(count, dtype=entry.dtype, device=entry.device)
    lengths = (length[:, None] - starts).clamp(0, step)
    distances = entry[:, None] + starts + lengths / 2
    points = rays.origins[:, None] + rays.directions[:, None] * distances[..., None]
    return Samples(points.view(-1, 3), distances, lengths)


def intersect_box(rays: Rays, half_extents: Tensor) -> tuple[Tensor, Tensor]:
    """Distance [N] at which rays enter the box (0 from inside), and length [N] within it (0 if they miss)."""
    tiny = torch.finfo(rays.directions.dtype).tiny ** 0.25
    directions = torch.where(rays.directions.abs() < tiny, tiny, rays.directions)
    low = (-half_extents - rays.origins) / directions
    high = (half_extents - rays.origins) / directions
    entry = torch.minimum(low, high).amax(dim=1).clamp(min=0)
    leave = torch.maximum(low, high).amin(dim=1)
    return entry, (leave - entry).clamp(min=0)


def _optical_depth(field: RadianceField, samples: Samples) -> Tensor:
    return field.density(samples.points).view_as(samples.lengths) * samples.lengths


def _gather_features(field: RadianceField, samples: Samples, weights: Tensor, threshold: float) -> Tensor:
    """Sum of w f along each ray [N, C], over the samples whose weight is above the threshold."""
    visible = (weights.detach() > threshold).view(-1).nonzero().squeeze(1)
    contributions = field.features(samples.points[visible]) * weights.view(-1)[visible, None]
    rays, count = weights.shape
    image = contributions.new_zeros(rays, contributions.shape[1])
    return image.index_add(0, visible.div(count, rounding_mode="floor"), contributions)
