# SPDX-License-Identifier: GPL-3.0-or-later
"""Volume rendering of a radiance field along rays, differentiable."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ...protocol.errors import SjcError
from .marcher import marcher_for
from .marching import STEPS_PER_VOXEL, RadianceField
from .rays import Rays

WEIGHT_THRESHOLD = 1e-4
FAR = 10.0


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
        Share w of each sample in its ray's image; 0 beyond the box.
    log_sums : Tensor [N]
        Sum of log(1 + s w) along each ray, for the emptiness loss; s is the rendering's `emptiness_scale`.
    """

    image: Tensor
    opacity: Tensor
    depth: Tensor
    weights: Tensor
    log_sums: Tensor


def render(
    field: RadianceField,
    rays: Rays,
    *,
    weight_threshold: float = WEIGHT_THRESHOLD,
    far: float = FAR,
    emptiness_scale: float = 0.0,
) -> Rendering:
    """Render with the emission-absorption model of the paper, differentiably.

    Samples lie half a voxel apart, in the middle of their segments, without jitter; the last segment
    of a ray ends where the box ends. With tau = density * length of the segment:
    w = (1 - exp(-tau)) exp(-sum of the tau before), image = sum w f + (1 - sum w) background.

    Parameters
    ----------
    weight_threshold : float
        Features are looked up only where w is above this; the others count as 0.
    far : float
        Depth of the background, in domain units.
    emptiness_scale : float
        The s of `Rendering.log_sums`, 0 to 1e9.
    """
    marched = marcher_for(field)(field, rays, weight_threshold, emptiness_scale)
    depth = marched.depths + marched.passed * far
    size = (rays.height, rays.width)
    opacity = (1 - marched.passed).view(size)
    return Rendering(marched.image.reshape(-1, *size), opacity, depth.view(size), marched.weights, marched.log_sums)


@torch.no_grad()
def render_chunked(
    field: RadianceField,
    rays: Rays,
    *,
    subpixels: int = 1,
    chunk: int = 2**18,
) -> Rendering:
    """Render an image of any size in bounded memory, without gradients.

    Parameters
    ----------
    rays : Rays
        Of an image that is `subpixels` times larger each way than the result.
    subpixels : int
        The result's pixels are means over squares of this many rays a side (a box filter).
    chunk : int
        Samples at a time, about; at 300 bytes a sample the default takes about 80 MB.

    Returns
    -------
    Rendering
        `weights` and `log_sums` are empty.

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
    parts = [render(field, part) for part in rays.split(count)]
    image = torch.cat([part.image for part in parts], dim=2).view(-1, rays.height, rays.width)
    opacity, depth = (
        torch.cat([getattr(part, name) for part in parts], dim=1).view(1, rays.height, rays.width)
        for name in ("opacity", "depth")
    )
    image, opacity, depth = (functional.avg_pool2d(plane, subpixels) for plane in (image, opacity, depth))
    return Rendering(image, opacity[0], depth[0], image.new_empty(0, 0), image.new_empty(0))
