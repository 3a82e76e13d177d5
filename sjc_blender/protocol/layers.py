# SPDX-License-Identifier: GPL-3.0-or-later
"""Laying settings over others in whose place some numbers would mean something else, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .overrides import merged
from .spec import OptimisationSpec

LOSS_WEIGHTS = (
    "emptiness_weight",
    "depth_weight",
    "camouflage_weight",
    "distortion_weight",
    "density_variation_weight",
)
"""Fields of `spec.OptimisationSpec` that `loss_unit` is the unit of."""

PUBLISHED = "published"
"""The unit of weights beside which no unit is named."""


def laid_over(settings: Mapping[str, Any], layer: Mapping[str, Any], unnamed: str | None = PUBLISHED) -> dict[str, Any]:
    """Return `settings` with others laid over them.

    Where the unit of the others' weights is not the one so far, no weight of before is kept: its number would silently
    mean something else. Nor is the rescaling of guidance, where the others have guidance of another kind: it would mean
    nothing.

    Parameters
    ----------
    settings, layer : mapping
        Settings of a job, nested.
    unnamed : str or None
        Unit of weights in `layer` where it names none: of a file, the published one, as before there were two; None for
        the one so far, which a user has before him.
    """
    mine, theirs = _optimisation(settings), _optimisation(layer)
    if theirs.get("guidance") not in (None, mine.get("guidance", OptimisationSpec.guidance)):
        mine = {name: value for name, value in mine.items() if name != "guidance_rescale"}
        settings = {**settings, "optimisation": mine}
    weighs = any(name in theirs for name in LOSS_WEIGHTS)
    unit = theirs.get("loss_unit", unnamed if weighs else None)
    if unit is None or unit == mine.get("loss_unit", PUBLISHED):
        return merged(settings, layer)
    kept = {name: value for name, value in mine.items() if name not in LOSS_WEIGHTS}
    return merged({**settings, "optimisation": {**kept, "loss_unit": unit}}, layer)


def _optimisation(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    found = settings.get("optimisation")
    return found if isinstance(found, Mapping) else {}
