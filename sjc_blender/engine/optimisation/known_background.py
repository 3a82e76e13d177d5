# SPDX-License-Identifier: GPL-3.0-or-later
"""The background colour that a model is known to have before a job starts."""

from __future__ import annotations

from ...protocol.spec import FieldSpec
from ..score_models.latents import squashed
from ..score_models.reference_views import ReferenceViewModel
from ..score_models.score_model import ScoreModel


def background_of(settings: FieldSpec, model: ScoreModel) -> tuple[tuple[float, ...], bool]:
    """Return the feature at which a field's background starts, before its activation, and whether it is learned.

    Where the settings name none and the model knows what is behind its objects, the field has that, and keeps it: a
    background that has to find its colour first leaves the box filled with matter of that colour.
    """
    learned = settings.background_kind == "texture"
    if settings.background_kind == "none":
        return (), False
    if settings.background or not learned or not isinstance(model, ReferenceViewModel):
        return settings.background, learned
    colour = model.background
    if colour is None:
        return (), True
    feature = squashed(colour) if model.pixel_space else colour
    return tuple(feature.tolist()), False
