"""Known objects as a modeller would block them out: a few boxes and cylinders, each edge on the nearest 0.05 units."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.quality.shape import Mask, empty_grid, voxel_centres
from training.fields import box, cylinder

Span = tuple[float, float]


def blockout(name: str, resolution: int) -> Mask:
    """The voxels that the blockout of an object of `OBJECTS` fills, on a cube."""
    grid = empty_grid(resolution)
    points = torch.from_numpy(voxel_centres(grid).reshape(-1, 3))
    filled: Mask = (OBJECTS[name](points) <= 0).numpy().reshape(grid.shape)
    return filled


def _car(p: Tensor) -> Tensor:
    """A body, a cabin, four wheels."""
    body = _cuboid(p, (-0.4, 0.4), (-0.75, 0.75), (-0.35, 0.05))
    cabin = _cuboid(p, (-0.3, 0.3), (-0.2, 0.55), (0.05, 0.4))
    wheels = cylinder(_mirrored(p), (0.4, 0.45, -0.35), 0.2, 0.1, axis=0)
    return torch.stack([body, cabin, wheels]).amin(0)


def _chair(p: Tensor) -> Tensor:
    """A seat, four legs, a back."""
    seat = _cuboid(p, (-0.4, 0.4), (-0.4, 0.4), (-0.2, -0.05))
    legs = _cuboid(_mirrored(p), (0.2, 0.4), (0.2, 0.4), (-0.7, -0.05))
    back = _cuboid(p, (-0.4, 0.4), (0.25, 0.4), (-0.05, 0.7))
    return torch.stack([seat, legs, back]).amin(0)


def _mug(p: Tensor) -> Tensor:
    """A cylinder with a hole from above, and a square handle."""
    outer = cylinder(p, (-0.15, 0.0, 0.0), 0.5, 0.4)
    hole = cylinder(p, (-0.15, 0.0, 0.2), 0.4, 0.4)
    handle = _cuboid(p, (0.2, 0.7), (-0.1, 0.1), (-0.35, 0.35))
    grip = _cuboid(p, (0.2, 0.5), (-0.2, 0.2), (-0.15, 0.15))
    return torch.minimum(torch.maximum(outer, -hole), torch.stack([handle, -grip, -outer]).amax(0))


OBJECTS: dict[str, Callable[[Tensor], Tensor]] = {"car": _car, "chair": _chair, "mug": _mug}
"""Signed distances, by name."""


def _mirrored(points: Tensor) -> Tensor:
    """Where x and y are positive stands for all four quarters."""
    return torch.stack([points[:, 0].abs(), points[:, 1].abs(), points[:, 2]], -1)


def _cuboid(points: Tensor, *spans: Span) -> Tensor:
    return box(points, [(low + high) / 2 for low, high in spans], [(high - low) / 2 for low, high in spans])
