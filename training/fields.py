# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed distance functions of the primitives that objects are made of."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Vector = Sequence[float]


def _shift(points: Tensor, centre: Vector) -> Tensor:
    return points - points.new_tensor(centre)


def sphere(points: Tensor, centre: Vector, radius: float) -> Tensor:
    """Return the distance of every point to a sphere."""
    return _shift(points, centre).norm(dim=-1) - radius


def ellipsoid(points: Tensor, centre: Vector, radii: Vector) -> Tensor:
    """Return a first-order bound of the distance to an axis-aligned ellipsoid."""
    local = _shift(points, centre)
    scale = points.new_tensor(radii)
    k0 = (local / scale).norm(dim=-1)
    k1 = (local / (scale * scale)).norm(dim=-1).clamp_min(1e-6)
    return k0 * (k0 - 1.0) / k1


def box(points: Tensor, centre: Vector, half: Vector, rounding: float = 0.0) -> Tensor:
    """Return the distance to an axis-aligned box with rounded edges."""
    edge = _shift(points, centre).abs() - (points.new_tensor(half) - rounding)
    outside = edge.clamp_min(0.0).norm(dim=-1)
    return outside + edge.amax(dim=-1).clamp_max(0.0) - rounding


def capsule(points: Tensor, start: Vector, end: Vector, radius: float, end_radius: float | None = None) -> Tensor:
    """Return the distance to a capsule, which tapers when `end_radius` is given."""
    first = points.new_tensor(start)
    axis = points.new_tensor(end) - first
    local = points - first
    along = ((local @ axis) / (axis @ axis)).clamp(0.0, 1.0)
    tip = radius if end_radius is None else end_radius
    return (local - along[:, None] * axis).norm(dim=-1) - (radius + (tip - radius) * along)


def cylinder(
    points: Tensor, centre: Vector, radius: float, half: float, axis: int = 2, rounding: float = 0.0
) -> Tensor:
    """Return the distance to a capped cylinder along a coordinate axis."""
    local = _shift(points, centre)
    others = [index for index in range(3) if index != axis]
    radial = local[:, others].norm(dim=-1) - (radius - rounding)
    axial = local[:, axis].abs() - (half - rounding)
    inside = torch.maximum(radial, axial).clamp_max(0.0)
    outside = torch.stack((radial, axial), -1).clamp_min(0.0).norm(dim=-1)
    return inside + outside - rounding


def torus(points: Tensor, centre: Vector, ring: float, tube: float, axis: int = 2) -> Tensor:
    """Return the distance to a torus around a coordinate axis."""
    local = _shift(points, centre)
    others = [index for index in range(3) if index != axis]
    radial = local[:, others].norm(dim=-1) - ring
    return torch.hypot(radial, local[:, axis]) - tube


def half_space(points: Tensor, normal: Vector, offset: float) -> Tensor:
    """Return the signed distance to the plane ``normal . p = offset`` (unit normal)."""
    return points @ points.new_tensor(normal) - offset


def blend(first: Tensor, second: Tensor, width: float) -> Tensor:
    """Return the smooth union of two distances (polynomial minimum)."""
    mix = (0.5 + 0.5 * (second - first) / width).clamp(0.0, 1.0)
    return second + (first - second) * mix - width * mix * (1.0 - mix)
