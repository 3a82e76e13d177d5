# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is to know of a model before a job is made with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...protocol.distillation import distillation_of
from ...protocol.model_events import ModelFacts
from ...protocol.model_families import component_config, own_profile
from ...protocol.model_profile import family_profile, load_profile
from ...protocol.spec import ModelSpec
from ...protocol.text_to_image import OTHER
from ...protocol.untuned import untuned
from ..this_process.offline import stay_offline
from .loading import family_at, load_score_model
from .model_source import locate_model
from .outline import outline_of
from .pipeline_model import PipelineModel
from .reference_views import ReferenceViewModel
from .remarks import useless_end
from .score_model import ScoreModel
from .single_file import configuration_is_borrowed, configuration_of, says_prediction

PICTURES = "pictures"
"""What reference views predict, in place of a network."""


def facts_of(source: str, *, tried: bool) -> ModelFacts:
    """Tell what a model is, from its files.

    Parameters
    ----------
    source : str
        See `sjc_blender.protocol.spec.ModelSpec.source`.
    tried : bool
        Load it too, and tell what its network does.

    Raises
    ------
    SjcError
        Why a job with it would be refused: as `sjc_blender.engine.score_models.loading.load_score_model` and
        `sjc_blender.protocol.model_profile.load_profile`.
    """
    stay_offline()
    path = locate_model(source)
    family = family_at(path)
    profile = load_profile(source)
    own = own_profile(path)
    schedule: Mapping[str, Any] = {}
    model: ScoreModel
    # Whether a pipeline outside the table can be used is only seen by trying it; pictures are read at once.
    tried = tried or family.name == OTHER.name
    if tried or family.name == "reference_views":
        model = load_score_model(ModelSpec(source))
        schedule = component_config(path, "scheduler", "scheduler_config.json") if path.is_dir() else {}
    else:
        model, schedule = outline_of(path, family)
    distillation = distillation_of(profile.distilled, source, path)
    return ModelFacts(
        source=source,
        path=str(path),
        family=family.name,
        prediction=model.prediction_type if isinstance(model, PipelineModel) else PICTURES,
        noise_levels=len(model.sigmas),
        lowest_sigma=float(model.sigmas[0]),
        highest_sigma=float(model.sigmas[-1]),
        zero_snr=bool(schedule.get("rescale_betas_zero_snr", False)),
        channels=model.channels,
        sample_size=model.sample_size,
        pixel_space=model.pixel_space,
        parameters=model.parameter_count if isinstance(model, PipelineModel) else 0,
        distilled="" if distillation is None else distillation.name,
        profile=str(own or family_profile(family) or ""),
        own_profile=own is not None,
        tried=tried,
        warnings=tuple(filter(None, [*_warnings(path, model, schedule, tried=tried), untuned(source)])),
    )


def _warnings(path: Path, model: ScoreModel, schedule: Mapping[str, Any], *, tried: bool) -> Iterator[str]:
    if isinstance(model, PipelineModel):
        yield from model.remarks if tried else filter(None, [useless_end(model, schedule)])
        if path.is_file() and configuration_is_borrowed(path) and not tried:
            named = says_prediction(path)
            yield (
                f"The file holds weights only: all but them is read from {configuration_of(path)}"
                + (". " if named else ", what it predicts too; a job tries that when it loads the model. ")
                + f"A folder in diffusers format named {path.with_suffix('')} would be read in its place."
            )
    if isinstance(model, ReferenceViewModel) and model.background is None:
        yield "The pictures do not have the same colour behind the object: the background is learned."
