"""A coarse shape of a known object, as a user might build it of blocks: what a proxy is made of."""

from __future__ import annotations

import torch

from benchmarks.quality.shape import Mask, true_solid
from sjc_blender.engine.radiance.radiance_grid import RadianceGrid


def coarse_shape(name: str, blocks: int, resolution: int) -> Mask:
    """Whole blocks, wherever the middle of one lies in the canonical object `name`.

    Parameters
    ----------
    name : str
    blocks : int
        Along a side of the domain, a cube.
    resolution : int
        Voxels along a side of what is returned, a multiple of `blocks`.
    """
    filled = true_solid(name, empty_grid(blocks))
    for axis in range(3):
        filled = filled.repeat(resolution // blocks, axis)
    return filled


def empty_grid(resolution: int) -> RadianceGrid:
    """Nothing, on a grid of a cube."""
    shape = (resolution,) * 3
    return RadianceGrid(torch.zeros(shape), torch.zeros(*shape, 3), torch.ones(3), torch.zeros(3))
