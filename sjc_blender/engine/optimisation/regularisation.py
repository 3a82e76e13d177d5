# SPDX-License-Identifier: GPL-3.0-or-later
"""The weighted losses that are added to the chained score."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...protocol.spec import JobSpec
from ..radiance.field import VoxelField
from ..radiance.marching import STEPS_PER_VOXEL
from ..radiance.proxy import Proxy
from ..radiance.renderer import Rendering
from .distortion import distortion
from .loss_unit import LossUnit
from .losses import camouflage, centre_depth, emptiness, reference_samples_per_ray
from .schedules import is_late
from .total_variation import total_variation

Loss = tuple[str, float, float | Tensor, Callable[[], Tensor]]
"""Name, weight, what the weight is a number of, and how to compute it."""


@dataclass(frozen=True)
class Pull:
    """A shape and its weight in this step, a scalar on the field's device, which avoids waiting for the device."""

    shape: Proxy
    weight: Tensor


def regularisation(
    spec: JobSpec,
    field: VoxelField,
    renderings: Sequence[Rendering],
    share: float,
    unit: LossUnit,
    *,
    proxy: Pull | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Sum of the weighted losses of a step, means over its views; a loss without weight is not computed.

    Parameters
    ----------
    renderings : sequence of Rendering
    share : float
        How far the schedules are, 0 to 1.
    unit : LossUnit
        What the job's weights are numbers of.
    proxy : Pull, optional
        The shape that the density is held to.

    Returns
    -------
    objective : Tensor
        Scalar, to be lowered.
    losses : dict of str to Tensor
        Unweighted values, by name, where the field is.
    """
    objective = torch.zeros((), device=field.density_grid.device)
    losses: dict[str, Tensor] = {}
    of_views = _of_renderings(spec, field, renderings, share, unit)
    for name, weight, factor, compute in [*of_views, *_of_field(spec, field, share, unit)]:
        # Emptiness is always reported.
        if weight > 0 or name == "emptiness":
            value = compute()
            objective = objective + weight * factor * value
            losses[name] = value.detach()
    if proxy is not None:
        value = proxy.shape.loss(field)
        objective = objective + proxy.weight * value
        losses["proxy"] = value.detach()
    return objective, losses


def _of_renderings(
    spec: JobSpec, field: VoxelField, renderings: Sequence[Rendering], share: float, unit: LossUnit
) -> Iterator[Loss]:
    o = spec.optimisation

    def mean(loss: Callable[[Rendering], Tensor]) -> Callable[[], Tensor]:
        return lambda: torch.stack([loss(rendering) for rendering in renderings]).mean(dim=0)

    samples, spacing = reference_samples_per_ray(field), field.voxel_size / STEPS_PER_VOXEL
    factor = o.emptiness_late_factor if is_late(o, share) else 1.0
    yield "emptiness", o.emptiness_weight * factor, unit.rays, mean(lambda r: emptiness(r.log_sums, samples))
    yield "depth", o.depth_weight, unit.image, mean(lambda r: centre_depth(r.depth))
    yield "distortion", o.distortion_weight, unit.rays, mean(lambda r: distortion(r.weights, spacing))


def _of_field(spec: JobSpec, field: VoxelField, share: float, unit: LossUnit) -> Iterator[Loss]:
    o = spec.optimisation
    # With a random background in every step nothing can be camouflaged.
    hiding = is_late(o, share) and spec.field.background_kind != "random"
    hidden = o.camouflage_weight * hiding
    yield "camouflage", hidden, unit.voxels, lambda: camouflage(field, unit.thickness)
    # A mean over the voxels already, of what does not depend on the grid.
    yield (
        "density_variation",
        o.density_variation_weight,
        unit.image,
        lambda: total_variation(field.raw_density_grid(), field.voxel_size),
    )
