"""Fixtures that the engine's tests share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.tiny_pipeline import save_tiny_pipeline, write_view_profile


@pytest.fixture(scope="session")
def tiny_pipeline(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`tiny_pipeline(prediction_type)`: the folder of a random StableDiffusionPipeline, made once; do not write there.

    Its latents are 4 x 8 x 8, its images 16 x 16, its view words blend four azimuths.
    """
    made: dict[str, Path] = {}

    def folder(prediction_type: str = "epsilon") -> Path:
        if prediction_type not in made:
            made[prediction_type] = save_tiny_pipeline(tmp_path_factory.mktemp(prediction_type), prediction_type)
            write_view_profile(made[prediction_type])
        return made[prediction_type]

    return folder
