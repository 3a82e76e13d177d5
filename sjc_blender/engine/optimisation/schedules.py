# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules: noise levels, the clip, late losses, the grid.

All of it follows one share, 0 at the start and 1 at the end: `schedule_share`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...protocol.spec import FieldSpec, JobSpec, OptimisationSpec

MOST_PASSED_OVER = 0.5
"""Largest share of the schedules that a run with a proxy skips: the rest is needed for details."""


def schedule_share(spec: JobSpec, step: int) -> float:
    """Return the position in the schedules at a step.

    The closer a run keeps to a proxy, the further on it begins, half way at most. High noise, coarse grids and weak
    losses find out where the object is; that is there already, and they would wash it away. (SDEdit begins with a
    given picture in the same way, https://arxiv.org/abs/2108.01073.)
    """
    passed_over = 0.0
    if spec.field.proxy is not None:
        passed_over = min(MOST_PASSED_OVER, 1 - spec.field.proxy.looseness)
    return passed_over + (1 - passed_over) * _share_of_steps(spec.optimisation, step)


def timestep_range(settings: OptimisationSpec, share: float) -> tuple[int, int]:
    """First and last index into the sigma table from which a step draws, uniformly.

    The range moves from `timesteps` to `timesteps_end`, linearly.
    """
    first, last = settings.timesteps
    if settings.timesteps_end is None:
        return first, last
    end_first, end_last = settings.timesteps_end
    return round(first + share * (end_first - first)), round(last + share * (end_last - last))


def nearest_level(timestep: int, levels: Sequence[int], allowed: tuple[int, int]) -> int:
    """Return the nearest noise level that a model was trained at, within the allowed range if there is one."""
    inside = [level for level in levels if allowed[0] <= level <= allowed[1]] or levels
    return min(inside, key=lambda level: abs(level - timestep)) if inside else timestep


def clip_limit(settings: OptimisationSpec, share: float) -> float | None:
    """Largest absolute value of an element of the 2D score, None for no limit.

    It runs linearly between the two given values (D-SDS, https://arxiv.org/abs/2303.15413: rising).
    """
    if settings.clip is None:
        return None
    low, high = settings.clip
    return low + (high - low) * share


def is_late(settings: OptimisationSpec, share: float) -> bool:
    """Return whether the late losses apply."""
    return share >= settings.emptiness_late_start


def sharpens(spec: JobSpec, step: int) -> bool:
    """Whether the density is made sharper before this step, counted from 0."""
    start = spec.optimisation.sharpening_start
    begins = schedule_share(spec, step - 1) < start or step == 1  # A start that is skipped is made up for at once.
    return spec.optimisation.sharpening > 1 and begins and schedule_share(spec, step) >= start


def holds(looseness: float, settings: OptimisationSpec, step: int) -> bool:
    """Whether the density is still held to its proxy: for a share of 1 - looseness of the steps."""
    return looseness == 0 or _share_of_steps(settings, step) < 1 - looseness


def resolution(field: FieldSpec, share: float) -> int:
    """Voxels along the longest side."""
    reached = [voxels for start, voxels in field.stages if share >= start]
    return reached[-1] if reached else field.resolution


def _share_of_steps(settings: OptimisationSpec, step: int) -> float:
    """Share of the steps done; a job that goes on after its end stays at the end."""
    return min(1.0, step / settings.steps)
