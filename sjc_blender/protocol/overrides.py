"""Settings written as text: ``optimisation.steps=200``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .errors import SjcError


def parse_overrides(changes: Sequence[str]) -> dict[str, Any]:
    """Turn ``["optimisation.steps=200", "seed=3"]`` into nested mappings; values are JSON, else text.

    Raises
    ------
    SjcError
        ``bad_usage`` for an entry without ``=``.
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
        target[leaf] = value
    return nested
