# SPDX-License-Identifier: GPL-3.0-or-later
"""Making a whole job spec of a prompt and a preset.

A setting comes from, later wins: the data class's default (the paper), the preset's file in
``sjc_blender/presets/``, the model profile's settings and its entry for that preset, the recipe's file in
``sjc_blender/presets/recipes/`` (a recipe stands on the preset ``paper``), the caller.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Mapping, Sequence
from typing import Any

from . import codec, recipes
from .errors import Fault, InvalidSpec, SjcError
from .layers import laid_over
from .model_families import kept_while_unchanged, local_model
from .model_profile import USUAL_NOISE_LEVELS, load_profile, noise_levels
from .overrides import merged, nested
from .profile_content import ModelProfile, Vocabulary
from .profile_faults import NOISE, PRESETS, read_preset
from .reference_views import read_reference_views
from .spec import CameraRig, JobSpec, Range
from .validation import spec_from_json
from .views import view_text


def preset_names() -> list[str]:
    """Return the names of the presets, fastest first; see `recipes` for the published recipes."""
    loaded = {path.stem: read_preset(path.stem) for path in PRESETS.glob("*.json")}
    return sorted(loaded, key=lambda name: (loaded[name]["optimisation"]["steps"], name))


def preset_settings(name: str) -> dict[str, Any]:
    """Return the settings that a preset or a recipe changes, nested like a job's, without those of the model."""
    base = name if name in preset_names() else recipes.BASE
    settings = _of_range(read_preset(base), ModelProfile.timesteps, USUAL_NOISE_LEVELS, "text")
    return settings if name == base else merged(settings, recipes.read_recipe(name))


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


@kept_while_unchanged
def size_of(preset: str, model: str) -> tuple[int, int] | None:
    """Return the steps and the voxels along the longest side of a job with this preset and this model.

    None if the model's profile cannot be read.
    """
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
    count = noise_levels(source)
    layers = [
        _of_range(read_preset(base), profile.timesteps, count, profile.conditioning),
        profile.settings,
        profile.presets.get(base, {}),
    ]
    if base != preset:
        layers.append(recipes.read_recipe(str(preset)))
    settings: dict[str, Any] = {
        "cameras": _viewpoints(source, profile),
        "field": {"background": list(profile.background)},
        "optimisation": {"timesteps": _timesteps(profile.timesteps, count)},
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


def _viewpoints(source: str, profile: ModelProfile) -> dict[str, Any]:
    """Return the model's own orbit, or the cameras of reference views."""
    folder = local_model(source)
    if profile.family == "reference_views" and folder is not None:
        cameras: dict[str, Any] = codec.encode(read_reference_views(folder).rig)
        return cameras
    return {"kind": "orbit", **codec.encode(profile.orbit)}


def _timesteps(shares: Range, count: int) -> list[int]:
    """Shares of a sigma table of `count` levels as indices; (10, 969) of 1000 by default, as published."""
    first, last = (round(share * count) for share in shares)
    return [min(first, count - 1), max(last - 1, min(first, count - 1))]


def _of_range(preset: dict[str, Any], shares: Range, count: int, conditioning: str) -> dict[str, Any]:
    """A preset's settings for a model whose noise levels are drawn from `shares` of a sigma table of `count` levels.

    What is told no words of a view begins with all levels: in much noise it knows the mean of all views.
    """
    settings = {key: value for key, value in preset.items() if key != NOISE}
    noise = preset.get(NOISE)
    if noise is None:
        return settings
    low, high = shares
    first, last = _timesteps(shares, count)
    levels: dict[str, Any] = {"timesteps_end": [first, round(first + noise["left"] * (last - first))]}
    if conditioning == "text" and low < noise["from"] < high:
        levels["timesteps"] = _timesteps((noise["from"], high), count)
    return merged(settings, {"optimisation": levels})
