"""A coarse shape of a known object, as a user might build it of blocks: what a proxy is made of."""

from __future__ import annotations

from benchmarks.quality.shape import Mask, empty_grid, true_solid


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
