"""Settings written as text: ``optimisation.steps=200``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import SjcError


def parse_overrides(changes: Sequence[str]) -> dict[str, Any]:
    """Turn ``["optimisation.steps=200", "seed=3"]`` into nested mappings; values are JSON, else text.

    Raises
    ------
    SjcError
        ``bad_usage`` for an entry without ``=``, or that sets a field both as a whole and in part.
    """
    nested: dict[str, Any] = {}
    for change in changes:
        name, equals, text = change.partition("=")
        if not equals or not name:
            raise SjcError(
                "bad_usage", f"{change!r} is not of the form FIELD=VALUE.", "Example: optimisation.steps=200"
            )
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        *parents, leaf = name.split(".")
        target = nested
        for parent in parents:
            target = target.setdefault(parent, {})
            if not isinstance(target, dict):
                raise SjcError(
                    "bad_usage", f"{name} cannot be set: {parent!r} was set to {target!r} before.", "Set it once."
                )
        target[leaf] = value
    return nested


def merged(settings: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Give `settings` with `overrides` in it; a mapping changes only what it names."""
    result = dict(settings)
    for name, value in overrides.items():
        old = result.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = merged(old, value)
        result[name] = value
    return result
