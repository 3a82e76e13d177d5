"""Fixtures that the engine's tests share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sjc_blender.engine.score_models import any_pipeline
from tests.engine.own_sampler import SIDE
from tests.engine.tiny_families import save_family
from tests.engine.tiny_pipeline import save_tiny_pipeline, write_view_profile
from tests.engine.tiny_text_to_image import save_text_to_image


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


@pytest.fixture
def small_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the families whose pipelines say how large samples are, and not their networks."""
    monkeypatch.setattr(any_pipeline, "square_side", lambda side: SIDE)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`whole(family)`: a model's folder, saved once; do not write there."""
    made: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in made:
            save = save_family if name.startswith("stable") else save_text_to_image
            made[name] = save(name, tmp_path_factory.mktemp("whole") / name)
        return made[name]

    return folder
