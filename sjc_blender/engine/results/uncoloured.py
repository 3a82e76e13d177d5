# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours of parts that the proxy keeps and the model would remove: those of the object around them.

Where a model wants empty space it asks for the background's colour. Matter that the proxy keeps there takes on that
colour, and would be a grey patch before another background.
"""

from __future__ import annotations

import dataclasses

import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn import functional

from ..image_files.srgb import from_linear
from ..radiance.radiance_grid import RadianceGrid

LIKE_BACKGROUND, COLOURED = 0.35, 0.7
"""Distance of a voxel's colour from the background's, as a share of the object's strongest, up to which it is none of
its own, and from which it is its own altogether. Chosen by a rocket and a bungalow."""

STRONGEST = 0.95
"""Quantile of the distances that stands for the strongest colour: a few voxels are of any."""

SHADED, SHADE = 0.15, 1.5
"""Difference of light and dark from the background up to which it is no colour, because what is kept against the model
is often a darker grey; and weight of what is beyond, beside the hue: white and black are colours."""

LEAST = 0.05
"""Strongest distance below which the whole object is of the background's colour."""

SCALES = (12.0, 4.0, 1.5)
"""Standard deviations, in voxels, of the neighbourhoods that a colour is taken from: the nearest that has any."""

ENOUGH = 0.02
"""Share of a neighbourhood that has to be coloured."""


def with_neighbours_colours(grid: RadianceGrid, occupancy: Tensor) -> RadianceGrid:
    """Colour what has the background's colour, inside a shape and at its surface, as the object is around it.

    Parameters
    ----------
    grid : RadianceGrid
        Coloured, with its background.
    occupancy : Tensor [nx, ny, nz]
        0 or 1: the proxy, of the whole box, on any grid.

    Returns
    -------
    RadianceGrid
        The same one if nothing of it has a colour of its own: then the object is of the background's colour.
    """
    kept = functional.interpolate(occupancy[None, None].float(), size=grid.shape, mode="area")
    kept = functional.max_pool3d(kept, 3, stride=1, padding=1)[0, 0].to(grid.rgb_grid)
    apart = _distance(from_linear(grid.rgb_grid), from_linear(grid.background_rgb))
    solid = (kept > 0) & (grid.density_grid > 0)
    if not solid.any():
        return grid
    strongest = float(apart[solid].quantile(STRONGEST))
    if strongest < LEAST:
        return grid
    own = ((apart / strongest - LIKE_BACKGROUND) / (COLOURED - LIKE_BACKGROUND)).clamp(0.0, 1.0)
    taken = (1.0 - own) * (kept > 0)
    around = _colours_around(grid.rgb_grid, own * grid.density_grid)
    rgb = torch.lerp(grid.rgb_grid, around, taken[..., None])
    return dataclasses.replace(grid, rgb_grid=rgb)


def _distance(colours: Tensor, background: Tensor) -> Tensor:
    """Return the distance [nx, ny, nz] of colours [nx, ny, nz, 3] from the background [3], all in sRGB."""
    difference = colours - background
    shade = difference.mean(dim=-1, keepdim=True)
    return torch.maximum((difference - shade).abs().amax(dim=-1), SHADE * (shade.abs()[..., 0] - SHADED).clamp(min=0))


def _colours_around(rgb: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean colour [nx, ny, nz, 3] of the nearest neighbourhood with enough weight; far away, of all."""
    weight = weight / weight.max()
    found = ((rgb * weight[..., None]).sum(dim=(0, 1, 2)) / weight.sum()).expand_as(rgb)
    for scale in SCALES:
        near = _blurred(weight, scale)
        colour = torch.stack([_blurred(rgb[..., channel] * weight, scale) for channel in range(3)], dim=-1)
        share = (near / ENOUGH).clamp(0.0, 1.0)[..., None]
        found = torch.lerp(found, colour / near.clamp(min=1e-12)[..., None], share)
    return found


def _blurred(values: Tensor, scale: float) -> Tensor:
    return torch.from_numpy(gaussian_filter(values.cpu().numpy(), scale, mode="constant", truncate=3.0)).to(values)
