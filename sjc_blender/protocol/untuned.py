# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether anyone measured results with the settings that a model is used with."""

from __future__ import annotations

from .errors import SjcError
from .model_families import kept_while_unchanged, local_model, own_profile
from .model_profile import load_profile

UNTUNED = (
    "The settings for this model are starting points that were not measured with it: begin with a Draft, and change "
    "the guidance scale and the weight of the emptiness loss first. Settings in a profile of its own (sjc.json) count "
    "as measured."
)


@kept_while_unchanged
def untuned(source: str) -> str:
    """Say that a model's settings are not its own, in a sentence; empty where they are, or nothing can be said.

    Parameters
    ----------
    source : str
        See `spec.ModelSpec.source`.
    """
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
