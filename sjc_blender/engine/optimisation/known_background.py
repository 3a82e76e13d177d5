# SPDX-License-Identifier: GPL-3.0-or-later
"""What is behind the object before a job begins: of some models the pictures say it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from ...protocol.spec import FieldSpec
from ..score_models.score_model import ScoreModel

NEAREST = 0.998
"""Share of full white or black that a squashed feature reaches at the start."""


@runtime_checkable
class KnowsBackground(Protocol):
    """A model whose pictures are all before one colour, or may be."""

    @property
    def background(self) -> Tensor | None:
        """That colour [C], a sample of the model; None: there is not one."""


def background_of(settings: FieldSpec, model: ScoreModel) -> tuple[tuple[float, ...], bool]:
    """Give the feature at which a field's background starts, before its activation, and whether it is learned.

    Where the settings name none and the model knows what is behind its objects, the field has that, and keeps it: a
    background that has to find its colour first leaves the box filled with matter of that colour.
    """
    learned = settings.background_kind == "texture"
    if settings.background_kind == "none":
        return (), False
    if settings.background or not learned or not isinstance(model, KnowsBackground):
        return settings.background, learned
    colour = model.background
    if colour is None:
        return (), True
    # The inverse of 2 sigmoid(f) - 1, which ends at the extremes.
    feature = torch.logit((colour.double() * NEAREST + 1) / 2) if model.pixel_space else colour
    return tuple(feature.tolist()), False
