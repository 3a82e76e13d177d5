"""Volume rendering of a radiance field along rays, dense and differentiable."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from ...protocol.errors import SjcError
from .rays import Rays

STEPS_PER_VOXEL = 2
WEIGHT_THRESHOLD = 1e-4
FAR = 10.0


class RadianceField(Protocol):
    """What the renderer needs of a field: `VoxelField` and `RadianceGrid` have it."""

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


@dataclass(frozen=True)
class Rendering:
    """An image of a field.

    Attributes
    ----------
    image : Tensor [C, H, W]
        Features, composited over the background.
    opacity : Tensor [H, W]
        In [0, 1].
    depth : Tensor [H, W]
        Mean distance along the ray in domain units; light that passes the box counts as `far`.
    weights : Tensor [N, S]
        Share of each sample in its ray's image, for the emptiness loss; 0 beyond the box.
    """

    image: Tensor
    opacity: Tensor
    depth: Tensor
    weights: Tensor


def render(
    field: RadianceField, rays: Rays, *, weight_threshold: float = WEIGHT_THRESHOLD, far: float = FAR
) -> Rendering:
    """Render with the emission-absorption model of the paper, differentiably.

    Samples lie half a voxel apart, in the middle of their segments, without jitter; the last segment
    of a ray ends where the box ends. With tau = density * length of the segment:
    w = (1 - exp(-tau)) exp(-sum of the tau before), image = sum w f + (1 - sum w) background.

    Parameters
    ----------
    field : RadianceField
    rays : Rays
    weight_threshold : float
        Features are looked up only where w is above this; the others count as 0.
    far : float
        Depth of the background, in domain units.
    """
    samples = _place_samples(field, rays)
    tau = _optical_depth(field, samples)
    before = functional.pad(tau.cumsum(dim=1), (1, 0))
    transmittance = torch.exp(-before)
    weights = transmittance[:, :-1] * -torch.expm1(-tau)
    passed = transmittance[:, -1]

    image = _gather_features(field, samples, weights, weight_threshold)
    image = image + passed[:, None] * field.background(rays.directions)
    depth = (weights * samples.distances).sum(dim=1) + passed * far
    size = (rays.height, rays.width)
    return Rendering(image.T.reshape(-1, *size), (1 - passed).view(size), depth.view(size), weights)


@dataclass(frozen=True)
class _Samples:
    """Points along rays: `points` [N * S, 3], the others [N, S]; beyond the box `lengths` are 0."""

    points: Tensor
    distances: Tensor
    lengths: Tensor


def _place_samples(field: RadianceField, rays: Rays) -> _Samples:
    step = field.voxel_size / STEPS_PER_VOXEL
    entry, length = intersect_box(rays, field.half_extents)
    count = max(1, math.ceil(float(length.max()) / step))
    starts = step * torch.arange(count, dtype=entry.dtype, device=entry.device)
    lengths = (length[:, None] - starts).clamp(0, step)
    distances = entry[:, None] + starts + lengths / 2
    points = rays.origins[:, None] + rays.directions[:, None] * distances[..., None]
    return _Samples(points.view(-1, 3), distances, lengths)


def intersect_box(rays: Rays, half_extents: Tensor) -> tuple[Tensor, Tensor]:
    """Distance [N] at which rays enter the box (0 from inside), and length [N] within it (0 if they miss)."""
    tiny = torch.finfo(rays.directions.dtype).tiny ** 0.25
    directions = torch.where(rays.directions.abs() < tiny, tiny, rays.directions)
    low = (-half_extents - rays.origins) / directions
    high = (half_extents - rays.origins) / directions
    entry = torch.minimum(low, high).amax(dim=1).clamp(min=0)
    leave = torch.maximum(low, high).amin(dim=1)
    return entry, (leave - entry).clamp(min=0)


def _optical_depth(field: RadianceField, samples: _Samples) -> Tensor:
    return field.density(samples.points).view_as(samples.lengths) * samples.lengths


def _gather_features(field: RadianceField, samples: _Samples, weights: Tensor, threshold: float) -> Tensor:
    """Sum of w f along each ray [N, C], over the samples whose weight is above the threshold."""
    visible = (weights.detach() > threshold).view(-1).nonzero().squeeze(1)
    contributions = field.features(samples.points[visible]) * weights.view(-1)[visible, None]
    rays, count = weights.shape
    image = contributions.new_zeros(rays, contributions.shape[1])
    return image.index_add(0, visible.div(count, rounding_mode="floor"), contributions)


@torch.no_grad()
def render_chunked(
    field: RadianceField,
    rays: Rays,
    *,
    subpixels: int = 1,
    chunk: int = 2**18,
    weight_threshold: float = WEIGHT_THRESHOLD,
    far: float = FAR,
) -> Rendering:
    """Render an image of any size in bounded memory, without gradients.

    Parameters
    ----------
    field : RadianceField
    rays : Rays
        Of an image that is `subpixels` times larger each way than the result.
    subpixels : int
        The result's pixels are means over squares of this many rays a side (a box filter).
    chunk : int
        Samples at a time, about; at 300 bytes a sample the default takes about 80 MB.
    weight_threshold, far
        As in `render`.

    Returns
    -------
    Rendering
        `weights` is empty.

    Raises
    ------
    SjcError
        ``invalid_image_size`` if the rays' height or width is no multiple of `subpixels`.
    """
    if rays.height % subpixels or rays.width % subpixels:
        raise SjcError(
            "invalid_image_size",
            f"An image of {rays.width} x {rays.height} rays does not divide into {subpixels} x {subpixels} subpixels.",
            f"Make its width and height multiples of {subpixels}.",
        )
    longest = 2 * float(field.half_extents.norm())
    count = max(1, int(chunk / (longest / field.voxel_size * STEPS_PER_VOXEL)))
    parts = [render(field, part, weight_threshold=weight_threshold, far=far) for part in _split(rays, count)]
    image = torch.cat([part.image for part in parts], dim=2).view(-1, rays.height, rays.width)
    opacity, depth = (
        torch.cat([getattr(part, name) for part in parts], dim=1).view(1, rays.height, rays.width)
        for name in ("opacity", "depth")
    )
    image, opacity, depth = (functional.avg_pool2d(plane, subpixels) for plane in (image, opacity, depth))
    return Rendering(image, opacity[0], depth[0], image.new_empty(0, 0))


def _split(rays: Rays, count: int) -> Iterator[Rays]:
    """The rays as images of one row, `count` pixels wide at most."""
    for origins, directions in zip(rays.origins.split(count), rays.directions.split(count), strict=True):
        yield Rays(origins, directions, 1, len(origins))
