# SPDX-License-Identifier: GPL-3.0-or-later
"""Guides: in every step the model's ControlNet sees depth, normals or edges of objects from the step's camera."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

from ...protocol.spec import Camera, GuideSpec
from ..radiance.guide_picture import guide_picture
from ..score_models.score_model import Condition


class Guide:
    """Triangles that steer a model.

    Parameters
    ----------
    vertices : Tensor [V, 3], float64
        In domain units.
    triangles : Tensor [F, 3], int64
    kind : str
        Which picture of them, see `guide_picture`.
    size : int
        Pixels a side of the pictures that the ControlNet takes.
    device : torch.device
        Of the model.
    """

    def __init__(
        self, vertices: Tensor, triangles: Tensor, settings: GuideSpec, kind: str, size: int, device: torch.device
    ) -> None:
        # Apple's graphics processors have no float64.
        place = torch.device("cpu") if device.type == "mps" else device
        self._vertices, self._triangles = vertices.to(place), triangles.to(place)
        self._settings = settings
        self._kind = kind
        self._size = size
        self._device = device

    def acts_at(self, timestep: int, count: int) -> bool:
        """Whether it steers at a noise level, an index into a table of so many."""
        low, high = self._settings.levels
        return low <= timestep / max(1, count - 1) <= high

    def seen_by(self, camera: Camera) -> Tensor:
        """The picture [3, size, size] of what a camera sees."""
        return guide_picture(self._kind, self._vertices, self._triangles, camera, self._size).to(self._device)

    def steer(self, conditions: Sequence[Condition], cameras: Sequence[Camera]) -> list[Condition]:
        """Add to each view's condition what its camera sees of the guide."""
        return [
            dataclasses.replace(condition, control=self.seen_by(camera)[None], control_strength=self._settings.strength)
            for condition, camera in zip(conditions, cameras, strict=True)
        ]
