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
from .layers import laid_over
from .model_families import FAMILY, component_config, family_of
from .overrides import merged
from .profile_content import ModelProfile, Vocabulary
from .spec import SPEC_VERSION
from .validation import Checker, spec_from_json
from .views import Band

PRESETS = Path(__file__).resolve().parent.parent / "presets"
NOISE = "noise"
"""In a preset's file, how its noise falls with any model, as shares. `from`: of all noise levels, below which none is
drawn at the start where a model takes a prompt: what an object is, and which way it faces, is decided in much noise.
`left`: of the model's own range, from its lower end, what is left at the end."""

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
    check = Checker()
    check("version", profile.version, profile.version == PROFILE_VERSION, f"{PROFILE_VERSION}")
    named = bool(profile.name.strip()) and len(profile.name) <= LONGEST_TEXT
    check("name", profile.name, named, f"a name of at most {LONGEST_TEXT} characters")
    if not check("family", profile.family, profile.family in FAMILY, "one of " + ", ".join(FAMILY)):
        return check.faults
    size = profile.image_size
    allowed = f"{SMALLEST_IMAGE} to {LARGEST_IMAGE} pixels"
    check("image_size", size, SMALLEST_IMAGE <= size <= LARGEST_IMAGE, allowed)
    low, high = profile.timesteps
    check("timesteps", profile.timesteps, 0 <= low <= high <= 1, "two shares in rising order between 0 and 1")
    _bands(check, profile.views.bands, prompted=profile.conditioning == "text")
    if profile.vocabulary is not None:
        _vocabulary(check, profile.vocabulary)
    _samples(check, profile)
    _settings(check, profile)
    return check.faults


def faults_beside(profile: ModelProfile, model: Path) -> list[Fault]:
    """Find what in the profile beside a model does not go together with the model's own files."""
    family = family_of(model)
    if family is None:
        return []
    check = Checker()
    own = f"{family.name!r}, the family of the model beside it"
    check("family", profile.family, profile.family == family.name, own)
    network = component_config(model, "unet") or component_config(model, "transformer")
    decoder = component_config(model, "vae") or component_config(model, "movq")
    # Networks that see patches of latents have more channels than those.
    channels = decoder.get("latent_channels") or decoder.get("z_dim") or network.get("in_channels")
    if isinstance(channels, int):
        allowed = f"{channels} numbers, one for each channel of a sample of the model, or none"
        check("background", profile.background, len(profile.background) in (0, channels), allowed)
        allowed = f"{channels} rows, one for each channel of a sample of the model, or none"
        check("latent_rgb", len(profile.latent_rgb), len(profile.latent_rgb) in (0, channels), allowed)
    return check.faults


def _bands(check: Checker, bands: tuple[Band, ...], *, prompted: bool) -> None:
    check("views.bands", len(bands), 0 < len(bands) <= MOST_BANDS, f"1 to {MOST_BANDS} bands")
    for index, band in enumerate(bands[:MOST_BANDS]):
        place = f"views.bands[{index}]"
        check(f"{place}.elevation", band.elevation, -90 <= band.elevation <= 90, "-90 to 90 degrees")
        views = band.views
        if not check(f"{place}.views", len(views), 0 < len(views) <= MOST_VIEWS, f"1 to {MOST_VIEWS} views"):
            continue
        for number, view in enumerate(views):
            at = f"{place}.views[{number}]"
            check(f"{at}.azimuth", view.azimuth, -360 <= view.azimuth <= 360, "-360 to 360 degrees")
            good = len(view.text) <= LONGEST_TEXT and ("{prompt}" in view.text or not prompted)
            lacking = "{prompt} in it, without which the view would ignore the prompt"
            check(f"{at}.text", view.text, good, f"at most {LONGEST_TEXT} characters with {lacking}")
        turns = [view.azimuth % 360 for view in views]
        again = next((n for n, turn in enumerate(turns) if turn in turns[:n]), None)
        if again is not None:
            allowed = "an azimuth that no other view of the band has"
            check(f"{place}.views[{again}].azimuth", views[again].azimuth, False, allowed)
    if bands and bands[0].lowest is not None:
        check("views.bands[0].lowest", bands[0].lowest, False, "null: the lowest band starts at the bottom")
    for index, (below, band) in enumerate(itertools.pairwise(bands[:MOST_BANDS]), start=1):
        rising = f"above that of the band before it, {below.elevation:g}: bands stand in rising order"
        check(f"views.bands[{index}].elevation", band.elevation, band.elevation > below.elevation, rising)
        if band.lowest is not None and band.elevation > below.elevation:
            allowed = (
                f"{below.elevation:g} to {band.elevation:g}, from the band below to this one, or null for half way"
            )
            good = below.elevation <= band.lowest <= band.elevation
            check(f"views.bands[{index}].lowest", band.lowest, good, allowed)


def _vocabulary(check: Checker, vocabulary: Vocabulary) -> None:
    template = vocabulary.template
    good = "{object}" in template and len(template) <= LONGEST_TEXT
    check("vocabulary.template", template, good, f"at most {LONGEST_TEXT} characters with {{object}} in it")
    check("vocabulary.objects", (), bool(vocabulary.objects), "at least one object")
    words = {word.lower() for word in vocabulary.words}
    template_words = re.findall(r"[^\W_]+", re.sub(r"{\w*}", " ", template[:LONGEST_TEXT]))
    used = {"template": template_words, "objects": vocabulary.objects, "colours": vocabulary.colours}
    for name, needed in used.items():
        unknown = next((word for word in needed if word.lower() not in words), None)
        allowed = "words of vocabulary.words only, since a prompt with another is refused"
        check(f"vocabulary.{name}", unknown, unknown is None, allowed)


def _samples(check: Checker, profile: ModelProfile) -> None:
    channels = sample_channels(profile)
    if profile.background:
        good = len(profile.background) in channels
        allowed = " or ".join(map(str, channels)) + " numbers, one for each channel of a sample of the model"
        check("background", profile.background, good, allowed)
    numbers = {"background": profile.background, "latent_rgb_bias": profile.latent_rgb_bias}
    numbers |= {f"latent_rgb[{index}]": row for index, row in enumerate(profile.latent_rgb)}
    for name, values in numbers.items():
        good = all(abs(value) <= LARGEST_FEATURE for value in values)
        check(name, values, good, f"numbers of at most {LARGEST_FEATURE:g}")
    if FAMILY[profile.family].samples == "pixels":
        check("latent_rgb", len(profile.latent_rgb), not profile.latent_rgb, "none for a model of pixels")


def sample_channels(profile: ModelProfile) -> tuple[int, ...]:
    """How many channels a sample of the model may have, as far as its profile tells."""
    if FAMILY[profile.family].samples == "pixels":
        return (3,)
    return (len(profile.latent_rgb),) if profile.latent_rgb else (4, 16, 32)


def _settings(check: Checker, profile: ModelProfile) -> None:
    """Judge the settings as the jobs that are made with them are."""
    names = sorted(path.stem for path in PRESETS.glob("*.json"))
    parts = {"settings": profile.settings} | {f"presets.{name}": part for name, part in profile.presets.items()}
    for name in profile.presets:
        check(f"presets.{name}", "there", name in names, "the name of a preset: " + ", ".join(names))
    before = len(check.faults)
    for place, part in parts.items():
        for name, value in part.items():
            allowed = "no such part; a profile sets " + ", ".join(SETTINGS)
            if not check(f"{place}.{name}", value, name in SETTINGS, allowed):
                continue
            check(f"{place}.{name}", value, isinstance(value, Mapping), "a JSON object with settings")
        for setting in OF_A_JOB:
            if _names(part, setting):
                check(f"{place}.{setting}", "there", False, "none: it belongs to a single job")
    if len(check.faults) > before:
        return
    told: set[str] = set()
    for name in names:
        for fault in _faults_of_jobs(profile, name):
            place = _place(fault.field, parts, name)
            if place not in told:
                told.add(place)
                check.faults.append(Fault(place, fault.value, fault.allowed))


def _faults_of_jobs(profile: ModelProfile, preset: str) -> Iterable[Fault]:
    orbit = {"kind": "orbit", **codec.encode(profile.orbit)}
    base = {name: value for name, value in read_preset(preset).items() if name != NOISE}
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
