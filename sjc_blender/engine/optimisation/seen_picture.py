# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of the object's front beside the prompt: the model sees it from the front, and less of it from the side."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from torch import Tensor

from ...protocol.spec import PictureSpec
from ..cameras.viewpoints import Viewpoint
from ..score_models.score_model import Condition


class SeenPicture:
    """A picture that a model with an IP-Adapter is shown.

    Parameters
    ----------
    embedding : Tensor [1, ...]
        From `sjc_blender.engine.score_models.pipeline_model.PipelineModel.embed_picture`.
    """

    def __init__(self, embedding: Tensor, settings: PictureSpec) -> None:
        self._embedding = embedding
        self._settings = settings

    def strength_from(self, viewpoint: Viewpoint) -> float:
        """How strongly it is seen from a viewpoint: all of it from the front, none from `PictureSpec.reach` on."""
        azimuth, elevation = math.radians(viewpoint.azimuth), math.radians(viewpoint.elevation)
        apart = math.degrees(math.acos(max(-1.0, min(1.0, math.cos(azimuth) * math.cos(elevation)))))
        if apart >= self._settings.reach:
            return 0.0
        return self._settings.strength * (0.5 + 0.5 * math.cos(math.pi * apart / self._settings.reach))

    def show(self, conditions: Sequence[Condition], viewpoints: Sequence[Viewpoint]) -> list[Condition]:
        """Add it to each view's condition."""
        return [
            dataclasses.replace(condition, picture=self._embedding, picture_strength=self.strength_from(viewpoint))
            for condition, viewpoint in zip(conditions, viewpoints, strict=True)
        ]
