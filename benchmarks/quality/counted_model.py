"""A score model that counts how often its network is evaluated."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from sjc_blender.engine.score_models.score_model import Condition, ScoreModel


class CountedModel:
    """Passes everything on to a score model, and counts.

    Attributes
    ----------
    evaluations : int
        Pictures that the network has denoised; guidance needs two for each.
    """

    def __init__(self, model: ScoreModel) -> None:
        self._model = model
        self.evaluations = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def denoise(self, z: Tensor, timestep: int, condition: Condition) -> Tensor:
        """See `ScoreModel.denoise`."""
        self.evaluations += len(z) * condition.evaluations
        return self._model.denoise(z, timestep, condition)
