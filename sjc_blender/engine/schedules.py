"""What changes over the steps of a run: noise levels, the clip, late losses, the grid."""

from __future__ import annotations

import math

from ..protocol.spec import FieldSpec, OptimisationSpec


def timestep_range(settings: OptimisationSpec, step: int) -> tuple[int, int]:
    """First and last index into the sigma table from which a step draws, uniformly.

    The range moves from `timesteps` to `timesteps_end`: linearly, or with the square root of the share of the
    steps done, which leaves high noise sooner (HiFA, https://arxiv.org/abs/2305.18766).
    """
    first, last = settings.timesteps
    if settings.timesteps_end is None:
        return first, last
    share = _share(settings, step)
    if settings.timesteps_curve == "square_root":
        share = math.sqrt(share)
    end_first, end_last = settings.timesteps_end
    return round(first + share * (end_first - first)), round(last + share * (end_last - last))


def clip_limit(settings: OptimisationSpec, step: int) -> float | None:
    """Largest absolute value of an element of the 2D score, None for no limit.

    It runs linearly between the two given values (D-SDS, https://arxiv.org/abs/2303.15413: rising).
    """
    if settings.clip is None:
        return None
    low, high = settings.clip
    return low + (high - low) * _share(settings, step)


def is_late(settings: OptimisationSpec, step: int) -> bool:
    """Whether the losses of the later part of a run count in this step."""
    return has_begun(settings.emptiness_late_start, settings, step)


def has_begun(start: float, settings: OptimisationSpec, step: int) -> bool:
    """Whether what counts from a share of the steps on counts in this one."""
    return step >= start * settings.steps


def sharpens(settings: OptimisationSpec, step: int) -> bool:
    """Whether the density is made sharper before this step, counted from 0."""
    start = settings.sharpening_start
    begins = has_begun(start, settings, step) and not has_begun(start, settings, step - 1)
    return settings.sharpening > 1 and begins


def holds(looseness: float, settings: OptimisationSpec, step: int) -> bool:
    """Whether the density is still held to its proxy: for a share of 1 - looseness of the steps."""
    return looseness == 0 or not has_begun(1 - looseness, settings, step)


def resolution(field: FieldSpec, steps: int, step: int) -> int:
    """Voxels along the longest side in a step (counted from 0) of a run of `steps`."""
    reached = [voxels for start, voxels in field.stages if step >= start * steps]
    return reached[-1] if reached else field.resolution


def _share(settings: OptimisationSpec, step: int) -> float:
    """Share of the steps done; a job that goes on after its end stays at the end."""
    return min(1.0, step / settings.steps)
