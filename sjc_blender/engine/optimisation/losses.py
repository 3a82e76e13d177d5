# SPDX-License-Identifier: GPL-3.0-or-later
"""The regularisers of the published configuration, with corrections."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...protocol.errors import SjcError
from ..radiance.field import VoxelField
from ..radiance.marching import STEPS_PER_VOXEL, RadianceField

PUBLISHED_RAYS = 64 * 64
BORDER_SHARE = 7 / 64
SMALLEST_GAP = 0.1


def emptiness(log_sums: Tensor, reference_samples: float) -> Tensor:
    """Sum of log(1 + beta w), as published a mean: many faint samples cost more than a few strong ones.

    The published loss is the mean over a padded array whose length, hence the loss's strength, varies
    with the view (239 to 322 samples a ray in a grid of 100). Here the sum over a ray is divided by a
    constant of the grid instead; see `reference_samples_per_ray`. And the sum over rays is divided by
    those of the published 64 x 64 images, not by those of this one: the score that the loss is weighed
    against is a sum over pixels, so a mean would press four times harder in images half as wide.

    Parameters
    ----------
    log_sums : Tensor [N]
        Of a rendering, for this beta: the sums along its rays.
    reference_samples : float
        Samples that count as a whole ray.
    """
    return log_sums.sum() / (PUBLISHED_RAYS * reference_samples)


def reference_samples_per_ray(field: RadianceField) -> float:
    """Samples of a face diagonal of the cube around the box: 283 in a grid of 100.

    The middle of the lengths by which the published code divides, so that published weights keep
    their strength.
    """
    side = 2 * float(field.half_extents.max())
    return math.sqrt(2) * side / field.voxel_size * STEPS_PER_VOXEL


def centre_depth(depth: Tensor) -> Tensor:
    """-log(border - centre) of mean depths: pulls the image's centre nearer than its border.

    The border is 7/64 of the image on each side, as published. The published -log(centre - border) has
    the wrong sign (https://github.com/pals-ttic/sjc/issues/21). Below a gap of 0.1 domain units the
    logarithm goes on as its tangent, so that the loss and its gradient are finite and still pull where
    the centre is farther than the border.

    Parameters
    ----------
    depth : Tensor [H, W]
        Domain units.

    Raises
    ------
    SjcError
        ``image_too_small`` where the image has no centre beside its border (below 3 x 3).
    """
    height, width = depth.shape
    if min(height, width) < 3:
        raise SjcError(
            "image_too_small",
            f"The centre-depth loss needs renders of at least 3 x 3 pixels; these have {width} x {height}.",
            "Raise optimisation.render_size or set optimisation.depth_weight to 0.",
        )
    rows, columns = (max(1, round(BORDER_SHARE * size)) for size in (height, width))
    centre = depth[rows:-rows, columns:-columns]
    border_mean = (depth.sum() - centre.sum()) / (depth.numel() - centre.numel())
    gap = border_mean - centre.mean()
    tangent = (SMALLEST_GAP - gap) / SMALLEST_GAP - math.log(SMALLEST_GAP)
    return torch.where(gap > SMALLEST_GAP, -torch.log(gap.clamp(min=SMALLEST_GAP)), tangent)


def camouflage(field: VoxelField, thickness: float) -> Tensor:
    """Sum over the voxels of their opacity times their likeness to the background.

    Before a background of one colour, matter of that colour is invisible: it fills the gaps between a
    chair's legs and the ground under a car, and shows as soon as the result stands before anything else.
    The likeness exp(-d^2 / 2), of the distance d between a voxel's features and the mean background, is
    taken as given: only the density is drawn away, never the colours.

    Parameters
    ----------
    thickness : float
        Domain units of a voxel's matter whose opacity counts.
    """
    opacity = -torch.expm1(-field.density_at_voxels() * thickness)
    with torch.no_grad():
        distance = (field.features_at_voxels() - field.mean_background()).norm(dim=-1)
        likeness = torch.exp(-0.5 * distance.square())
    return (opacity * likeness).sum()
