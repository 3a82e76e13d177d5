# SPDX-License-Identifier: GPL-3.0-or-later
"""How to use a model: its view words, orbit, vocabulary and settings, as data beside its weights.

The built-in prior and a user's own folder carry an ``sjc.json``; every other model is used by the profile of its
family: ``sjc_blender/models/<family>.json``, or what `sjc_blender.protocol.text_to_image` says of it.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

from . import codec
from .distillation import GUIDANCE_SCALE, distillation_of
from .errors import Fault, SjcError
from .json_text import BadJson, read_json
from .model_families import (
    FAMILY,
    MODELS,
    ModelFamily,
    component_config,
    family_of,
    kept_while_unchanged,
    local_model,
    own_profile,
)
from .outside_file import UnusableFile
from .overrides import merged
from .profile_content import ModelProfile, Vocabulary
from .profile_faults import faults_beside, profile_faults
from .text_to_image import BY_NAME, FLOW_RANGE, VARIANCE_PRESERVING_RANGE

LARGEST_PROFILE = 1_000_000
MOST_TOLD = 20
PROFILE_ADVICE = "Take that file away to use the model as its family is used, or put back a good one."
USUAL_NOISE_LEVELS = 1000


def load_profile(source: str) -> ModelProfile:
    """Find and read the profile of a model source (see `spec.ModelSpec.source`).

    Raises
    ------
    SjcError
        ``bad_model_profile`` if the file beside the model is not a valid profile.
    """
    model = local_model(source)
    own = own_profile(model)
    family = family_of(model) if own is None and model is not None else None
    path = own if own is not None else family_profile(family)
    if path is None:
        assert family is not None, "what is of no family is used as one that has a file"
        profile = _profile_of_table(family.name)
    else:
        try:
            status = path.stat()
        except OSError as error:
            raise SjcError("bad_model_profile", f"The model profile {path} cannot be read: {error}.") from error
        # A copy: profiles hold dictionaries.
        profile = copy.deepcopy(_read_profile(path, status.st_mtime_ns, status.st_size))
    beside = faults_beside(profile, model) if own is not None and model is not None else []
    if own is not None and beside:
        raise _wrong(own, beside)
    if profile.conditioning == "text" and distillation_of(profile.distilled, source, model) is not None:
        unguided = {"optimisation": {"guidance_scale": GUIDANCE_SCALE}}
        # What the family needs is not for a distilled model; what its own profile says is.
        layers = (unguided, profile.settings) if own is not None else (profile.settings, unguided)
        profile = dataclasses.replace(profile, settings=merged(*layers))
    return profile


def _profile_of_table(name: str) -> ModelProfile:
    """The profile of a family of text-to-image pipelines."""
    family = BY_NAME[name]
    return ModelProfile(
        name=f"{family.title} format",
        family=name,
        image_size=family.image_size,
        timesteps=FLOW_RANGE if family.flow else VARIANCE_PRESERVING_RANGE,
        settings={"optimisation": {"guidance_scale": family.guidance_scale}},
    )


def family_profile(family: ModelFamily | None) -> Path | None:
    """Find the profile by which models of a family are used that have none of their own; None if the table tells it."""
    path = MODELS / f"{family.name if family is not None else 'stable_diffusion'}.json"
    return path if family is None or family.name not in BY_NAME or path.is_file() else None


@functools.lru_cache(maxsize=32)
def _read_profile(path: Path, _changed: int, _size: int) -> ModelProfile:
    try:
        data = read_json(path, LARGEST_PROFILE)
    except UnusableFile as error:
        raise SjcError("bad_model_profile", f"The model profile {path} {error}.", PROFILE_ADVICE) from error
    except BadJson as error:
        trouble = f"The model profile {path} cannot be read: {error}."
        raise SjcError("bad_model_profile", trouble, PROFILE_ADVICE) from error
    if not isinstance(data, dict):
        raise SjcError("bad_model_profile", f"The model profile {path} holds no JSON object.", PROFILE_ADVICE)
    profile, faults = codec.decode(ModelProfile, data)
    if profile is not None:
        faults = profile_faults(profile)
    if profile is None or faults:
        raise _wrong(path, faults)
    return profile


def _wrong(path: Path, faults: Sequence[Fault]) -> SjcError:
    told = "; ".join(map(str, faults[:MOST_TOLD]))
    more = f"; and {len(faults) - MOST_TOLD} more" if len(faults) > MOST_TOLD else ""
    return SjcError("bad_model_profile", f"The model profile {path} is wrong: {told}{more}.", PROFILE_ADVICE)


def same_samples(first: str, second: str) -> bool:
    """Return whether two models (see `spec.ModelSpec.source`) have the same sample space, so that features fit both.

    Models with a profile of their own have autoencoders of their own; all others share that of their family.
    """
    if first == second:
        return True
    spaces = {_samples(first), _samples(second)}
    return len(spaces) == 1


def _samples(source: str) -> str:
    samples = FAMILY[load_profile(source).family].samples
    model = local_model(source)
    own = own_profile(model) is not None
    return f"{samples} of {model}" if own and samples != "pixels" else samples


@kept_while_unchanged
def vocabulary(source: str) -> Vocabulary | None:
    """Give what a small model knows, None for any other, or if its profile is no good."""
    try:
        return load_profile(source).vocabulary
    except SjcError:
        return None


def noise_levels(source: str) -> int:
    """Return the length of a model's sigma table from its scheduler's configuration; 1000 if it cannot be read."""
    model = local_model(source)
    config = component_config(model, "scheduler", "scheduler_config.json") if model is not None else {}
    count = config.get("num_train_timesteps")
    return count if isinstance(count, int) and count > 0 else USUAL_NOISE_LEVELS
