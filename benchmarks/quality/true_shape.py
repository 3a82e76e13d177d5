"""The procedural shape itself as a result: what the measures say of it is the best that can be had of a grid."""

from __future__ import annotations

import math

import torch

from benchmarks.quality.shape import empty_grid, voxel_centres
from sjc_blender.engine.image_files.srgb import to_linear
from sjc_blender.engine.radiance.radiance_grid import RadianceGrid
from training import shapes

OPAQUE = 1 - math.exp(-8.0)
"""Opacity of one voxel inside: 1 in 3000 of the light passes it."""


def true_grid(name: str, colour: str, resolution: int = 48) -> RadianceGrid:
    """The canonical object `name`, shaded as in the prior's pictures as far as that does not depend on the view."""
    empty = empty_grid(resolution)
    points = torch.from_numpy(voxel_centres(empty).reshape(-1, 3))
    distance = shapes.distance(name, points)
    covered = (0.5 - distance / empty.voxel_size).clamp(0.0, 1.0)
    found = shapes.parts(name, points)
    material = torch.tensor([kind for _, kind in found])[torch.stack([d for d, _ in found]).argmin(0)]
    albedo = torch.from_numpy(shapes.ACCENTS).clone()
    albedo[shapes.MAIN] = torch.tensor(shapes.COLOURS[colour])
    step = torch.tensor([0.0, 0.0, empty.voxel_size / 2])
    rise = (shapes.distance(name, points + step) - shapes.distance(name, points - step)) / empty.voxel_size
    light = 0.36 + 0.32 * (0.5 + 0.5 * rise.clamp(-1.0, 1.0)) + 0.32 * 0.7
    rgb = to_linear(albedo[material] * light[:, None])
    # A voxel is as opaque as it is covered. Were its density so, what is half opaque would lie 0.4 voxels outside.
    density = -torch.log1p(-covered * OPAQUE) / empty.voxel_size
    shape = empty.shape
    return RadianceGrid(density.view(shape), rgb.view(*shape, 3), empty.half_extents, torch.zeros(3))
