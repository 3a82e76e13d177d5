"""A result's voxels against those of the procedural shape, in the true orientation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage

from sjc_blender.engine.radiance.radiance_grid import RadianceGrid
from sjc_blender.engine.results.opacity import voxel_opacity
from training import shapes

Mask = npt.NDArray[np.bool_]

DEEP = 2
"""Voxels below the surface from where on an interior is deep."""

SIZES = tuple(0.8 + 0.025 * step for step in range(21))
"""Sizes of the true shape that a result is compared with: 0.8 to 1.3."""

LENGTH = 2 / 48
"""What the distance of surfaces is told in, in domain units: the voxel of a grid of 48 a side, whatever the grid."""

MATTER = 0.02
"""Least opacity of a voxel that counts as matter where parts are told apart."""


def empty_grid(resolution: int) -> RadianceGrid:
    """Nothing, on a grid of a cube."""
    shape = (resolution,) * 3
    return RadianceGrid(torch.zeros(shape), torch.zeros(*shape, 3), torch.ones(3), torch.zeros(3))


def voxel_centres(grid: RadianceGrid) -> npt.NDArray[np.float32]:
    """Positions [nx, ny, nz, 3] in domain units."""
    axes = [
        -float(half) + (np.arange(count) + 0.5) * grid.voxel_size
        for half, count in zip(grid.half_extents, grid.shape, strict=True)
    ]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).astype(np.float32)


def true_solid(name: str, grid: RadianceGrid, size: float = 1.0) -> Mask:
    """Which voxels of `grid` lie in the canonical object `name`, made larger or smaller about the domain's centre."""
    points = torch.from_numpy(voxel_centres(grid).reshape(-1, 3)) / size
    inside: Mask = shapes.occupancy(name, points).numpy().reshape(grid.shape)
    return inside


def intersection_over_union(a: Mask, b: Mask) -> float:
    """IoU of two sets of voxels; 0 where both are empty."""
    return float((a & b).sum() / max(1, (a | b).sum()))


def best_size(solid: Mask, name: str, grid: RadianceGrid) -> tuple[float, float]:
    """The size of the true shape that is most like a result, as a share of the canonical one, and the IoU with it.

    A prompt says nothing of size, and the built-in prior has seen its objects in many.
    """
    found = [(intersection_over_union(solid, true_solid(name, grid, size)), size) for size in SIZES]
    iou, size = max(found)
    return size, iou


def chamfer(a: Mask, b: Mask) -> float:
    """Mean distance between the surfaces of two sets of voxels, both ways, in their voxels; NaN where one is empty."""
    if not a.any() or not b.any():
        return float("nan")
    surface_a, surface_b = (mask & ~ndimage.binary_erosion(mask) for mask in (a, b))
    to_a, to_b = (ndimage.distance_transform_edt(~surface) for surface in (surface_a, surface_b))
    return float((to_b[surface_a].mean() + to_a[surface_b].mean()) / 2)


def hollowness(made: Mask, truth: Mask) -> float:
    """Share of what lies deep in the true shape that the made one does not enclose; NaN where nothing lies deep."""
    deep = ndimage.binary_erosion(truth, iterations=DEEP)
    return float((deep & ~made).sum() / deep.sum()) if deep.any() else float("nan")


def floaters(density: npt.NDArray[np.float32], voxel_size: float) -> float:
    """Share of the matter that does not hang together with the largest part.

    Matter is the sum of the voxels' opacities: densities have no upper end, and one voxel of hundreds would
    outweigh a cloud.
    """
    opacity = voxel_opacity(density, voxel_size)
    part, count = ndimage.label(opacity > MATTER, structure=np.ones((3, 3, 3)))
    if not count:
        return 0.0
    weights = np.bincount(part.ravel(), weights=opacity.ravel())[1:]
    return float(1.0 - weights.max() / weights.sum())
