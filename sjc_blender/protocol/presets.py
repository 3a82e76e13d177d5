# SPDX-License-Identifier: GPL-3.0-or-later
"""Making a whole job spec of a prompt and a preset.

A setting comes from, later wins: the data class's default (the paper), the preset's file in
``sjc_blender/presets/``, the model profile's settings and its entry for that preset, the recipe's file in
``sjc_blender/presets/recipes/`` (a recipe stands on the preset ``paper``), the caller.
"""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import codec, recipes
from .errors import Fault, InvalidSpec, SjcError
from .loss_weights import laid_over
from .model_families import local_model
from .model_profile import ModelProfile, Vocabulary, changed_at, load_profile, noise_levels
from .overrides import merged, nested
from .reference_views import read_reference_views
from .spec import CameraRig, JobSpec
from .validation import spec_from_json
from .views import view_text

PRESETS = Path(__file__).resolve().parent.parent / "presets"


def preset_names() -> list[str]:
    """Return the names of the presets, fastest first; see `recipes` for the published recipes."""
    loaded = {path.stem: _read(path.stem) for path in PRESETS.glob("*.json")}
    return sorted(loaded, key=lambda name: (loaded[name]["optimisation"]["steps"], name))


def preset_settings(name: str) -> dict[str, Any]:
    """Return the settings that a preset or a recipe changes, nested like a job's, without those of the model."""
    if name in preset_names():
        return _read(name)
    return merged(_read(recipes.BASE), recipes.read_recipe(name))


def new_job(
    prompt: str,
    *,
    preset: str = "standard",
    model: str | Mapping[str, Any] = "builtin",
    overrides: Mapping[str, Any] | None = None,
    **settings: Any,
) -> JobSpec:
    """Fill and validate a spec.

    Parameters
    ----------
    prompt : str
        May be empty for a model that takes none, and with a recipe, which has its own. The article that the built-in
        prior's captions begin with is added where it is missing.
    preset : str
        One of `preset_names`, or of `recipes.recipe_names`.
    model : str or mapping
        See `spec.ModelSpec.source`; or its fields, such as ``{"source": "builtin", "device": "cpu"}``.
    overrides : mapping, optional
        Fields of `JobSpec`, nested or by their dotted names; they go before everything else that is given here.
    **settings
        Fields of `JobSpec`, as data classes or nested mappings; a mapping changes only what it names.

    Raises
    ------
    InvalidSpec
        With every fault at once.
    SjcError
        ``prompt_outside_vocabulary`` if the model is known not to understand the prompt; ``bad_usage`` if `overrides`
        set a field twice.
    """
    if overrides is not None and not isinstance(overrides, Mapping):
        raise SjcError(
            "bad_usage", f"The overrides are {overrides!r}.", 'Give a mapping, such as {"optimisation.steps": 200}.'
        )
    given = codec.encode({"prompt": prompt, "preset": preset, "model": _fields_of(model), **settings})
    wanted = merged(given, nested(codec.encode(dict(overrides or {}))))
    wanted["model"] = {"source": "builtin", **_fields_of(wanted["model"])}
    source = str(wanted["model"]["source"])
    if isinstance(wanted["preset"], str):
        wanted["preset"] = wanted["preset"].strip().lower()
    profile = load_profile(source)
    start = _settings_before(wanted["preset"], source, profile)
    if not str(wanted["prompt"]).strip() and "prompt" in start:
        wanted["prompt"] = start["prompt"]
    data = laid_over(start, wanted, unnamed=None)
    field, before = data["field"], start["field"]
    if isinstance(field, dict) and "stages" not in wanted.get("field", {}):
        resolution = field.get("resolution")
        if resolution != before.get("resolution"):
            data["field"] = field | {"stages": stages_to(resolution, before.get("stages", []))}
    if profile.vocabulary is not None and isinstance(data["prompt"], str):
        data["prompt"] = profile.vocabulary.completed(data["prompt"])
    spec = spec_from_json({"version": JobSpec.version, **data})
    if profile.vocabulary is not None:
        _check_words(profile.vocabulary, spec)
    return spec


def size_of(preset: str, model: str) -> tuple[int, int] | None:
    """Return the steps and the voxels along the longest side of a job with this preset and this model.

    None if the model's profile cannot be read. Quick, for tooltips: the answer is kept until the model changes.
    """
    return _size_of(preset, model, changed_at(model))


@functools.lru_cache(maxsize=64)
def _size_of(preset: str, model: str, _changed: int) -> tuple[int, int] | None:
    try:
        settings = _settings_before(preset, model, load_profile(model))
        return int(settings["optimisation"]["steps"]), int(settings["field"]["resolution"])
    except (SjcError, TypeError, ValueError):
        return None


def _settings_before(preset: object, source: str, profile: ModelProfile) -> dict[str, Any]:
    """Return the settings of a job with this preset and this model before its user has changed any."""
    shipped, named = preset_names(), recipes.recipe_names()
    if preset not in shipped and preset not in named:
        near = difflib.get_close_matches(str(preset)[:100], [*shipped, *named], n=1)
        meant = f"perhaps {near[0]}; " if near else ""
        raise InvalidSpec([Fault("preset", preset, f"{meant}one of " + ", ".join([*shipped, *named]))])
    base = str(preset) if preset in shipped else recipes.BASE
    layers = [_read(base), profile.settings, profile.presets.get(base, {})]
    if base != preset:
        layers.append(recipes.read_recipe(str(preset)))
    settings: dict[str, Any] = {
        "cameras": _viewpoints(source, profile),
        "field": {"background": list(profile.background)},
        "optimisation": {"timesteps": _timesteps(source, profile)},
    }
    return functools.reduce(laid_over, layers, settings)


def _fields_of(model: Any) -> Any:
    return model if isinstance(model, Mapping) else {"source": model}


def stages_to(resolution: object, stages: Sequence[tuple[float, int]]) -> list[tuple[float, int]]:
    """Stages, coarse to fine, for a grid of another resolution; none if they would not differ."""
    if not isinstance(resolution, int) or not stages:
        return []
    voxels = [max(8, round(count * resolution / stages[-1][1])) for _, count in stages]
    fine = [(start, count) for (start, _), count in zip(stages, voxels, strict=True) if count < resolution]
    coarsest = {count: start for start, count in reversed(fine)}
    kept = sorted((start, count) for count, start in coarsest.items())
    return [*kept, (stages[-1][0], resolution)] if kept else []


def _check_words(vocabulary: Vocabulary, spec: JobSpec) -> None:
    """Raise SjcError if the model's vocabulary lacks the prompt or the text of a camera."""
    refusal = vocabulary.refusal(spec.prompt)
    if refusal is not None:
        raise refusal
    for camera in spec.cameras.cameras if isinstance(spec.cameras, CameraRig) else ():
        refusal = vocabulary.refusal(view_text(camera.view_text, spec.prompt)) if camera.view_text else None
        if refusal is not None:
            message = f"The text of the camera {camera.name!r} is {camera.view_text!r}. {refusal.message}"
            raise SjcError(refusal.code, message, "Change or remove that camera's custom property 'sjc_prompt'.")


def _read(preset: str) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads((PRESETS / f"{preset}.json").read_text(encoding="utf-8"))
    return settings


def _viewpoints(source: str, profile: ModelProfile) -> dict[str, Any]:
    """Return the model's own orbit, or the cameras of reference views."""
    folder = local_model(source)
    if profile.family == "reference_views" and folder is not None:
        cameras: dict[str, Any] = codec.encode(read_reference_views(folder).rig)
        return cameras
    return {"kind": "orbit", **codec.encode(profile.orbit)}


def _timesteps(source: str, profile: ModelProfile) -> list[int]:
    """The profile's shares of the sigma table as indices; (10, 969) of 1000 by default, as published."""
    count = noise_levels(source)
    first, last = (round(share * count) for share in profile.timesteps)
    return [min(first, count - 1), max(last - 1, min(first, count - 1))]
