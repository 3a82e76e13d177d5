# SPDX-License-Identifier: GPL-3.0-or-later
"""What the weights of the losses are numbers of: as published, or of the score and of the voxel.

The score is back-propagated as the gradient of -sum over the pixels of <s, y>. A voxel of side h is seen by a number of
pixels in proportion to their number P and to h^2, each of them changes by h per unit of the voxel's density, so that
its gradient has the size r P h^3 k, with r the root of the mean square of the length of a pixel's score and k a number
that depends on the scene alone. Guidance, noise level and model are in r, the grid in h^3, the picture in P.

A loss that is an integral over the volume, or over the rays, of a function of the density has a gradient in proportion
to h^3 too, for a voxel is h^3 of the volume and h^3 of the rays that pass it. Times r P its ratio to the score's does
not depend on anything but the scene and the weight: that is the unit ``"score"``. Three losses want care:

- *per ray* (64 x 64 of them count as one, as published): a mean over rays times r P is their sum times r 64^2 / P P;
- *emptiness* is a sum over samples of log(1 + s w), and a sample's w is in proportion to its length: with the published
  s on samples of the published length, and s in inverse proportion to the length on others, it is the integral along
  the ray of a function of the density;
- *per voxel*: their sum times h^3 / 8 is the integral over the published cube, as a share of its volume; where opacity
  counts, it is that of as much matter as a published voxel is thick.

The published numbers are not in this unit: they meet scores of one model at one guidance, on a grid of 100. The unit
``"published"`` leaves them as they are, whatever the model and the grid.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ...protocol.spec import OptimisationSpec
from ..radiance.field import VoxelField
from .losses import PUBLISHED_RAYS

PUBLISHED_VOXEL = 0.02
"""Domain units: side of a voxel of the published grid, 100 across the cube from -1 to 1."""
CUBE = 8.0
"""Volume of that cube."""


@dataclass(frozen=True)
class LossUnit:
    """What a loss is multiplied by beside its weight.

    Attributes
    ----------
    rays : float or Tensor
        A mean over rays in images of 64 x 64.
    image : float or Tensor
        One value an image.
    voxels : float or Tensor
        A sum over voxels.
    thickness : float
        Domain units of a voxel's matter whose opacity counts.
    """

    rays: float | Tensor
    image: float | Tensor
    voxels: float | Tensor
    thickness: float


def loss_unit(settings: OptimisationSpec, field: VoxelField, scores: Tensor) -> LossUnit:
    """The unit of a step's weights; tensors are scalars where the field is, so that nobody waits for them.

    Parameters
    ----------
    settings : OptimisationSpec
        `loss_unit` counts.
    scores : Tensor [V, C, H, W]
        What is back-propagated through the renders.
    """
    if settings.loss_unit == "published":
        return LossUnit(1.0, 1.0, 1.0, field.voxel_size)
    length = scores.square().sum(dim=1).mean().sqrt()
    image = length * scores[0, 0].numel()
    return LossUnit(PUBLISHED_RAYS * length, image, image * (field.voxel_size**3 / CUBE), PUBLISHED_VOXEL)


def emptiness_scale(settings: OptimisationSpec, field: VoxelField) -> float:
    """The s of log(1 + s w) on this field's grid."""
    if settings.loss_unit == "published":
        return settings.emptiness_scale
    return settings.emptiness_scale * PUBLISHED_VOXEL / field.voxel_size
