# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault of a model profile whose fields are of the right kinds, named by its field."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from . import codec
from .errors import Fault, InvalidSpec
from .loss_weights import laid_over
from .model_families import FAMILY, component_config, family_of
from .overrides import merged
from .profile_content import ModelProfile, Vocabulary
from .spec import SPEC_VERSION
from .validation import spec_from_json
from .views import Band

PRESETS = Path(__file__).resolve().parent.parent / "presets"
NOISE_LEFT = "noise_left"
"""In a preset's file, the share of the model's range of noise levels, from its lower end, that is left at the end."""

PROFILE_VERSION = 1
LONGEST_TEXT = 1000
MOST_BANDS = 64
MOST_VIEWS = 360
SMALLEST_IMAGE, LARGEST_IMAGE = 8, 4096
LARGEST_FEATURE = 100.0
SETTINGS = ("field", "optimisation", "outputs")
"""Parts of a job that a profile may set: where it runs, and what files it uses, is the user's."""

OF_A_JOB = ("field.proxy", "field.origin")
"""What belongs to a single job: it names its files."""


def read_preset(name: str) -> dict[str, Any]:
    """The settings that a shipped preset changes."""
    settings: dict[str, Any] = json.loads((PRESETS / f"{name}.json").read_text(encoding="utf-8"))
    return settings


def profile_faults(profile: ModelProfile) -> list[Fault]:
    """Find what in a profile cannot be used.

    Parameters
    ----------
    profile : ModelProfile

    Returns
    -------
    list of Fault
        All of them; empty for a good profile.
    """
    found = _Faults()
    found.unless(profile.version == PROFILE_VERSION, "version", profile.version, f"{PROFILE_VERSION}")
    named = bool(profile.name.strip()) and len(profile.name) <= LONGEST_TEXT
    found.unless(named, "name", profile.name, f"a name of at most {LONGEST_TEXT} characters")
    if not found.unless(profile.family in FAMILY, "family", profile.family, "one of " + ", ".join(FAMILY)):
        return found
    size = profile.image_size
    allowed = f"{SMALLEST_IMAGE} to {LARGEST_IMAGE} pixels"
    found.unless(SMALLEST_IMAGE <= size <= LARGEST_IMAGE, "image_size", size, allowed)
    low, high = profile.timesteps
    found.unless(0 <= low <= high <= 1, "timesteps", profile.timesteps, "two shares in rising order between 0 and 1")
    _bands(found, profile.views.bands, prompted=profile.conditioning == "text")
    if profile.vocabulary is not None:
        _vocabulary(found, profile.vocabulary)
    _samples(found, profile)
    _settings(found, profile)
    return found


def faults_beside(profile: ModelProfile, model: Path) -> list[Fault]:
    """Find what in the profile beside a model does not go together with the model's own files."""
    family = family_of(model)
    if family is None:
        return []
    found = _Faults()
    own = f"{family.name!r}, the family of the model beside it"
    found.unless(profile.family == family.name, "family", profile.family, own)
    network = component_config(model, "unet") or component_config(model, "transformer")
    decoder = component_config(model, "vae") or component_config(model, "movq")
    # Networks that see patches of latents have more channels than those.
    channels = decoder.get("latent_channels") or decoder.get("z_dim") or network.get("in_channels")
    if isinstance(channels, int):
        allowed = f"{channels} numbers, one for each channel of a sample of the model, or none"
        found.unless(len(profile.background) in (0, channels), "background", profile.background, allowed)
        allowed = f"{channels} rows, one for each channel of a sample of the model, or none"
        found.unless(len(profile.latent_rgb) in (0, channels), "latent_rgb", len(profile.latent_rgb), allowed)
    return found


class _Faults(list[Fault]):
    def unless(self, good: bool, field: str, value: Any, allowed: str) -> bool:
        if not good:
            self.append(Fault(field, value, allowed))
        return good


def _bands(found: _Faults, bands: tuple[Band, ...], *, prompted: bool) -> None:
    found.unless(0 < len(bands) <= MOST_BANDS, "views.bands", len(bands), f"1 to {MOST_BANDS} bands")
    for index, band in enumerate(bands[:MOST_BANDS]):
        place = f"views.bands[{index}]"
        found.unless(-90 <= band.elevation <= 90, f"{place}.elevation", band.elevation, "-90 to 90 degrees")
        views = band.views
        if not found.unless(0 < len(views) <= MOST_VIEWS, f"{place}.views", len(views), f"1 to {MOST_VIEWS} views"):
            continue
        for number, view in enumerate(views):
            at = f"{place}.views[{number}]"
            found.unless(-360 <= view.azimuth <= 360, f"{at}.azimuth", view.azimuth, "-360 to 360 degrees")
            good = len(view.text) <= LONGEST_TEXT and ("{prompt}" in view.text or not prompted)
            lacking = "{prompt} in it, without which the view would ignore the prompt"
            found.unless(good, f"{at}.text", view.text, f"at most {LONGEST_TEXT} characters with {lacking}")
        turns = [view.azimuth % 360 for view in views]
        again = next((n for n, turn in enumerate(turns) if turn in turns[:n]), None)
        if again is not None:
            allowed = "an azimuth that no other view of the band has"
            found.unless(False, f"{place}.views[{again}].azimuth", views[again].azimuth, allowed)
    if bands and bands[0].lowest is not None:
        found.unless(False, "views.bands[0].lowest", bands[0].lowest, "null: the lowest band starts at the bottom")
    for index, (below, band) in enumerate(itertools.pairwise(bands[:MOST_BANDS]), start=1):
        rising = f"above that of the band before it, {below.elevation:g}: bands stand in rising order"
        found.unless(band.elevation > below.elevation, f"views.bands[{index}].elevation", band.elevation, rising)
        if band.lowest is not None and band.elevation > below.elevation:
            allowed = (
                f"{below.elevation:g} to {band.elevation:g}, from the band below to this one, or null for half way"
            )
            good = below.elevation <= band.lowest <= band.elevation
            found.unless(good, f"views.bands[{index}].lowest", band.lowest, allowed)


def _vocabulary(found: _Faults, vocabulary: Vocabulary) -> None:
    template = vocabulary.template
    good = "{object}" in template and len(template) <= LONGEST_TEXT
    found.unless(good, "vocabulary.template", template, f"at most {LONGEST_TEXT} characters with {{object}} in it")
    found.unless(bool(vocabulary.objects), "vocabulary.objects", (), "at least one object")
    words = {word.lower() for word in vocabulary.words}
    template_words = re.findall(r"[^\W_]+", re.sub(r"{\w*}", " ", template[:LONGEST_TEXT]))
    used = {"template": template_words, "objects": vocabulary.objects, "colours": vocabulary.colours}
    for name, needed in used.items():
        unknown = next((word for word in needed if word.lower() not in words), None)
        allowed = "words of vocabulary.words only, since a prompt with another is refused"
        found.unless(unknown is None, f"vocabulary.{name}", unknown, allowed)


def _samples(found: _Faults, profile: ModelProfile) -> None:
    channels = sample_channels(profile)
    if profile.background:
        good = len(profile.background) in channels
        allowed = " or ".join(map(str, channels)) + " numbers, one for each channel of a sample of the model"
        found.unless(good, "background", profile.background, allowed)
    numbers = {"background": profile.background, "latent_rgb_bias": profile.latent_rgb_bias}
    numbers |= {f"latent_rgb[{index}]": row for index, row in enumerate(profile.latent_rgb)}
    for name, values in numbers.items():
        good = all(abs(value) <= LARGEST_FEATURE for value in values)
        found.unless(good, name, values, f"numbers of at most {LARGEST_FEATURE:g}")
    if FAMILY[profile.family].samples == "pixels":
        found.unless(not profile.latent_rgb, "latent_rgb", len(profile.latent_rgb), "none for a model of pixels")


def sample_channels(profile: ModelProfile) -> tuple[int, ...]:
    """How many channels a sample of the model may have, as far as its profile tells."""
    if FAMILY[profile.family].samples == "pixels":
        return (3,)
    return (len(profile.latent_rgb),) if profile.latent_rgb else (4, 16, 32)


def _settings(found: _Faults, profile: ModelProfile) -> None:
    """Judge the settings as the jobs that are made with them are."""
    names = sorted(path.stem for path in PRESETS.glob("*.json"))
    parts = {"settings": profile.settings} | {f"presets.{name}": part for name, part in profile.presets.items()}
    for name in profile.presets:
        found.unless(name in names, f"presets.{name}", "there", "the name of a preset: " + ", ".join(names))
    before = len(found)
    for place, part in parts.items():
        for name, value in part.items():
            allowed = "no such part; a profile sets " + ", ".join(SETTINGS)
            if not found.unless(name in SETTINGS, f"{place}.{name}", value, allowed):
                continue
            found.unless(isinstance(value, Mapping), f"{place}.{name}", value, "a JSON object with settings")
        for setting in OF_A_JOB:
            if _names(part, setting):
                found.unless(False, f"{place}.{setting}", "there", "none: it belongs to a single job")
    if len(found) > before:
        return
    told: set[str] = set()
    for name in names:
        for fault in _faults_of_jobs(profile, name):
            place = _place(fault.field, parts, name)
            if place not in told:
                told.add(place)
                found.append(Fault(place, fault.value, fault.allowed))


def _faults_of_jobs(profile: ModelProfile, preset: str) -> Iterable[Fault]:
    orbit = {"kind": "orbit", **codec.encode(profile.orbit)}
    base = {name: value for name, value in read_preset(preset).items() if name != NOISE_LEFT}
    job = merged(base, {"version": SPEC_VERSION, "prompt": "any", "cameras": orbit})
    job = laid_over(laid_over(job, profile.settings), profile.presets.get(preset, {}))
    try:
        spec_from_json(job, look_at_model=False)
    except InvalidSpec as error:
        return error.faults
    return ()


def _place(field: str, parts: Mapping[str, Mapping[str, Any]], preset: str) -> str:
    """Where in the profile a job's fault comes from."""
    if field.startswith("cameras."):
        return "orbit" + field.removeprefix("cameras")
    own = f"presets.{preset}"
    return f"{own}.{field}" if _names(parts.get(own, {}), field) else f"settings.{field}"


def _names(part: Mapping[str, Any], field: str) -> bool:
    """Whether settings name a field, given by its dotted path."""
    value: Any = part
    for name in field.split("[", 1)[0].split("."):
        if not isinstance(value, Mapping) or name not in value:
            return False
        value = value[name]
    return True
