# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether anyone measured results with the settings that a model is used with."""

from __future__ import annotations

import functools

from .errors import SjcError
from .model_families import changed_at, local_model
from .model_profile import load_profile, own_profile

UNTUNED = (
    "The settings for this model are starting points that were not measured with it: begin with a Draft, and change "
    "the guidance scale and the weight of the emptiness loss first. Settings in a profile of its own (sjc.json) count "
    "as measured."
)


def untuned(source: str) -> str:
    """Say that a model's settings are not its own, in a sentence; empty where they are, or nothing can be said.

    Buttons ask this whenever they are drawn: the answer is kept until the model or its profile changes.

    Parameters
    ----------
    source : str
        See `spec.ModelSpec.source`.
    """
    return _untuned(source, changed_at(source), _profile_changed_at(source))


def _profile_changed_at(source: str) -> int:
    own = own_profile(local_model(source))
    try:
        return own.stat().st_mtime_ns if own is not None else 0
    except OSError:
        return 0


@functools.lru_cache(maxsize=32)
def _untuned(source: str, _changed: int, _profile_changed: int) -> str:
    model = local_model(source)
    if model is None:
        return ""
    try:
        profile = load_profile(source)
    except SjcError:
        return ""
    if profile.family == "reference_views":
        return ""
    own = own_profile(model) is not None and bool(profile.settings or profile.presets)
    return "" if own else UNTUNED
