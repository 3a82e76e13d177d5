"""Everything that is added to the chained score, weighed as the job says."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..protocol.spec import JobSpec
from .losses import camouflage, centre_depth, emptiness, reference_samples_per_ray
from .radiance.field import VoxelField
from .radiance.renderer import Rendering
from .schedules import is_late


def regularisation(
    spec: JobSpec, field: VoxelField, renderings: Sequence[Rendering], step: int
) -> tuple[torch.Tensor, dict[str, float]]:
    """Sum of the weighted losses of a step, means over its views.

    Returns
    -------
    objective : Tensor
        Scalar, to be lowered.
    losses : dict of str to float
        Unweighted values, by name.
    """
    o = spec.optimisation
    late = is_late(o, step)
    samples = reference_samples_per_ray(field)
    empty = _mean([emptiness(rendering.weights, o.emptiness_scale, samples) for rendering in renderings])
    objective = o.emptiness_weight * (o.emptiness_late_factor if late else 1.0) * empty
    losses = {"emptiness": float(empty.detach())}
    if o.depth_weight > 0:
        depth = _mean([centre_depth(rendering.depth) for rendering in renderings])
        objective = objective + o.depth_weight * depth
        losses["depth"] = float(depth.detach())
    # Before another colour in every step nothing can hide.
    if late and o.camouflage_weight > 0 and spec.field.background_kind != "random":
        hidden = camouflage(field, o.camouflage_reach)
        objective = objective + o.camouflage_weight * hidden
        losses["camouflage"] = float(hidden.detach())
    return objective, losses


def _mean(values: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.stack(list(values)).mean(dim=0)
