# SPDX-License-Identifier: GPL-3.0-or-later
"""How to use a model: its view words, orbit, vocabulary and settings, as data beside its weights.

The built-in prior and a user's own folder carry an ``sjc.json``; every other model is used by the profile of its
family: ``sjc_blender/models/<family>.json``, or what `sjc_blender.protocol.text_to_image` says of it.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import itertools
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from . import codec
from .distillation import GUIDANCE_SCALE, distillation_of
from .errors import SjcError
from .json_text import BadJson, read_json
from .model_families import BUILTIN, FAMILY, MODELS, component_config, family_of, local_model
from .outside_file import UnusableFile, is_file
from .overrides import merged
from .spec import Range
from .text_to_image import BY_NAME, FLOW_RANGE, VARIANCE_PRESERVING_RANGE
from .views import PAPER_VIEWS, ViewVocabulary

__all__ = [
    "BUILTIN",
    "MODELS",
    "ModelProfile",
    "Orbit",
    "Vocabulary",
    "load_profile",
    "needs_prompt",
    "noise_levels",
    "same_samples",
    "vocabulary",
]

PROFILE = "sjc.json"
LARGEST_PROFILE = 1_000_000
LONGEST_VIEW_TEXT = 1000
PROFILE_ADVICE = "Take that file away to use the model as its family is used, or put back a good one."
USUAL_NOISE_LEVELS = 1000


@dataclass(frozen=True)
class Vocabulary:
    """The vocabulary of a small model; a prompt outside it is refused, as the result would be noise.

    Attributes
    ----------
    template : str
        How a prompt is written, such as ``"a {colour} {object}"``.
    colours, objects : tuple of str
    words : tuple of str
        Every word of the training captions.
    """

    template: str
    colours: tuple[str, ...]
    objects: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def told(self) -> str:
        """A sentence that lists the vocabulary."""
        return f"It knows the objects {', '.join(self.objects)} in the colours {', '.join(self.colours)}."

    def examples(self) -> list[str]:
        """Return every prompt of the template, object by object."""
        return [
            self.template.replace("{colour}", colour).replace("{object}", thing)
            for thing in self.objects
            for colour in self.colours
        ]

    def completed(self, prompt: str) -> str:
        """The prompt with the template's article before it if it begins with a colour or an object.

        A small model depends on the position of words: for "blue mug" instead of "a blue mug" it makes pink ones.
        """
        first = re.match(r"\s*([^\W_]+)", prompt.lower())
        lacks_article = first is not None and first[1] in (*self.colours, *self.objects)
        return self.template.split("{", 1)[0] + prompt.lstrip() if lacks_article else prompt

    def refusal(self, prompt: str) -> SjcError | None:
        """Return the error for a prompt outside the vocabulary, or None."""
        words = re.findall(r"[^\W_]+", prompt.lower())
        unknown = [word for word in words if word not in self.words]
        if not unknown and any(word in self.objects for word in words):
            return None
        trouble = (
            "does not know the word" + ("s " if len(unknown) > 1 else " ") + ", ".join(map(repr, unknown))
            if unknown
            else f"finds no object in {prompt!r}"
        )
        example = next(iter(self.examples()), self.template)
        return SjcError(
            "prompt_outside_vocabulary",
            f"The built-in prior {trouble}. {self.told}",
            f'Write a prompt such as "{example}", or choose another model.',
        )


@dataclass(frozen=True)
class Orbit:
    """The default orbit of a model's viewpoints; fields as in `spec.OrbitRig`."""

    distance: Range = (1.5, 1.5)
    elevation: Range = (-6.4, 83.5)
    field_of_view: Range = (40.0, 70.0)


@dataclass(frozen=True)
class ModelProfile:
    """What has to be known about a model besides its weights.

    Attributes
    ----------
    family : str
        Name in `sjc_blender.protocol.model_families.FAMILIES`.
    image_size : int
        Side of its decoded images in pixels.
    timesteps : tuple of float
        First and last noise level drawn, as shares of the model's sigma table.
    background : tuple of float
        Feature-space colour at which the background starts; empty for zeros.
    latent_rgb, latent_rgb_bias : tuple
        Linear map from scaled latents to RGB in [0, 1], a quick look only.
    settings : dict
        Overrides of the field and optimisation settings in every preset.
    presets : dict
        The same by preset name.
    distilled : str
        Whether the model makes pictures in a few steps: a kind of `distillation.DISTILLATIONS`, ``"no"``, or
        ``"auto"`` to tell by its files and its name.
    """

    name: str
    family: str
    image_size: int
    views: ViewVocabulary = PAPER_VIEWS
    version: int = 1
    timesteps: Range = (0.01, 0.97)
    orbit: Orbit = field(default_factory=Orbit)
    vocabulary: Vocabulary | None = None
    background: tuple[float, ...] = ()
    latent_rgb: tuple[tuple[float, float, float], ...] = ()
    latent_rgb_bias: tuple[float, float, float] = (0.5, 0.5, 0.5)
    settings: dict[str, Any] = field(default_factory=dict)
    presets: dict[str, dict[str, Any]] = field(default_factory=dict)
    distilled: Literal["auto", "no", "turbo", "lightning", "hyper", "lcm", "tcd"] = "auto"

    @property
    def conditioning(self) -> Literal["text", "class", "none"]:
        """Meaning of a prompt, see `sjc_blender.protocol.model_families.ModelFamily`."""
        return FAMILY[self.family].conditioning


def load_profile(source: str) -> ModelProfile:
    """Find and read the profile of a model source (see `spec.ModelSpec.source`).

    Raises
    ------
    SjcError
        ``bad_model_profile`` if the file beside the model is not a valid profile.
    """
    model = local_model(source)
    own = own_profile(model)
    path, family = own, None
    if path is None:
        family = family_of(model) if model is not None else None
        path = MODELS / f"{family.name if family else 'stable_diffusion'}.json"
    if own is None and family is not None and family.name in BY_NAME:
        profile = _profile_of_table(family.name)
    else:
        try:
            status = path.stat()
        except OSError as error:
            raise SjcError("bad_model_profile", f"The model profile {path} cannot be read: {error}.") from error
        # A copy: profiles hold dictionaries.
        profile = copy.deepcopy(_read_profile(path, status.st_mtime_ns, status.st_size))
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


def own_profile(model: Path | None) -> Path | None:
    """Find the profile beside a model's weights: in its folder, or for a single file in the folder of its name.

    Parameters
    ----------
    model : Path or None
        Folder or file, see `model_families.local_model`.
    """
    if model is None:
        return None
    path = (model.with_suffix("") if is_file(model) else model) / PROFILE
    return path if is_file(path) else None


@functools.lru_cache(maxsize=32)
def _read_profile(path: Path, _changed: int, _size: int) -> ModelProfile:
    try:
        data = read_json(path, LARGEST_PROFILE)
    except UnusableFile as error:
        raise SjcError("bad_model_profile", f"The model profile {path} {error}.", PROFILE_ADVICE) from error
    except BadJson as error:
        trouble = f"The model profile {path} cannot be read: {error}."
        raise SjcError("bad_model_profile", trouble, PROFILE_ADVICE) from error
    profile, faults = codec.decode(ModelProfile, data)
    trouble = "; ".join(map(str, faults)) if profile is None else _fault_of(profile)
    if profile is None or trouble:
        raise SjcError("bad_model_profile", f"The model profile {path} is wrong: {trouble}.", PROFILE_ADVICE)
    return profile


def _fault_of(profile: ModelProfile) -> str:
    """Return what is wrong with the values of a well-formed profile; empty if nothing is."""
    if profile.family not in FAMILY:
        return f"it names the family {profile.family!r}; known are {', '.join(FAMILY)}"
    if not profile.views.bands or not all(band.views for band in profile.views.bands):
        return "views.bands needs a band, and each band a view"
    elevations = [band.elevation for band in profile.views.bands]
    if any(above <= below for below, above in itertools.pairwise(elevations)):
        return f"views.bands has the elevations {elevations[:6]}; they must rise"
    texts = [view.text for band in profile.views.bands for view in band.views]
    lacking = next((text for text in texts if "{prompt}" not in text), None)
    if profile.conditioning == "text" and lacking is not None:
        return f"views.bands has the text {lacking[:60]!r}, in which {{prompt}} is missing: every view would ignore it"
    if profile.vocabulary is not None and "{object}" not in profile.vocabulary.template:
        return f"vocabulary.template is {profile.vocabulary.template[:60]!r}, in which {{object}} is missing"
    if profile.background and len(profile.background) not in _channels(profile):
        allowed = " or ".join(map(str, _channels(profile)))
        return f"background has {len(profile.background)} numbers; a sample of the model has {allowed}"
    if any(len(view.text) > LONGEST_VIEW_TEXT for band in profile.views.bands for view in band.views):
        return f"a text of views has more than {LONGEST_VIEW_TEXT} characters"
    parts = (profile.settings, *profile.presets.values())
    if not all(isinstance(value, dict) for part in parts for value in part.values()):
        return "settings and presets hold a JSON object for each part of a job, such as field"
    return ""


def _channels(profile: ModelProfile) -> tuple[int, ...]:
    """Return the numbers of channels that a sample of the model may have."""
    if profile.latent_rgb:
        return (len(profile.latent_rgb),)
    return (3,) if FAMILY[profile.family].samples == "pixels" else (4, 16, 32)


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


def needs_prompt(source: str) -> bool:
    """Return whether a job with this model needs a prompt; True if the model's profile cannot be read.

    Buttons ask this whenever they are drawn, and a checkpoint's header alone takes 20 ms to read: the answer is kept
    until the folder or file changes.
    """
    return _needs_prompt(source, changed_at(source))


def vocabulary(source: str) -> Vocabulary | None:
    """Return a small model's vocabulary, cached as in `needs_prompt`; None for other models and invalid profiles."""
    return _vocabulary(source, changed_at(source))


def changed_at(source: str) -> int:
    """Return the modification time of a model's folder or file in nanoseconds; 0 if there is none."""
    model = local_model(source)
    try:
        return model.stat().st_mtime_ns if model is not None else 0
    except OSError:
        return 0


@functools.lru_cache(maxsize=32)
def _needs_prompt(source: str, changed: int) -> bool:
    try:
        return load_profile(source).conditioning != "none"
    except SjcError:
        return True


@functools.lru_cache(maxsize=32)
def _vocabulary(source: str, changed: int) -> Vocabulary | None:
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
