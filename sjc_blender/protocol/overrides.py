# SPDX-License-Identifier: GPL-3.0-or-later
"""Overrides of a job's settings, as nested mappings, dotted names or text, and how they are merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .errors import SjcError
from .json_text import BadJson, from_text


def parse_overrides(changes: Sequence[str]) -> dict[str, Any]:
    """Turn ``["optimisation.steps=200", "seed=3"]`` into nested mappings; values are JSON, else text.

    Of two entries for the same field the later one holds.

    Raises
    ------
    SjcError
        ``bad_usage`` for an entry without ``=``, or as `nested`.
    """
    fields: dict[str, Any] = {}
    for change in changes:
        name, equals, text = change.partition("=")
        if not equals or not name:
            raise SjcError(
                "bad_usage", f"{change!r} is not of the form FIELD=VALUE.", "Example: optimisation.steps=200"
            )
        try:
            fields[name] = from_text(text)
        except BadJson:
            fields[name] = text
    return nested(fields)


def nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Write dotted names as nested mappings: ``{"optimisation.steps": 200}`` as ``{"optimisation": {"steps": 200}}``.

    Mappings among the values may hold dotted names too.

    Raises
    ------
    SjcError
        ``bad_usage`` if a field is set twice, or both as a whole and in part.
    """
    result: dict[str, Any] = {}
    for name, value in fields.items():
        *parents, leaf = str(name).split(".")
        entry = {leaf: nested(value) if isinstance(value, Mapping) else value}
        for parent in reversed(parents):
            entry = {parent: entry}
        _join(result, entry, "")
    return result


def merged(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `settings` with `changes` merged into them.

    A mapping changes only what it names, unless both name a ``kind`` and not the same one: a rig of another kind
    replaces the rig.
    """
    result = dict(settings)
    for name, value in changes.items():
        old = result.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping) and not _of_another_kind(old, value):
            value = merged(old, value)
        result[name] = value
    return result


def _of_another_kind(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return "kind" in old and "kind" in new and old["kind"] != new["kind"]


def _join(target: dict[str, Any], entry: Mapping[str, Any], path: str) -> None:
    """Add the fields of `entry` to `target`; SjcError if both have the same field."""
    for name, value in entry.items():
        full = f"{path}.{name}" if path else name
        if name not in target:
            target[name] = value
        elif isinstance(target[name], dict) and isinstance(value, Mapping):
            _join(target[name], value, full)
        else:
            whole = target[name] if not isinstance(target[name], dict) else value
            raise SjcError("bad_usage", f"{full} is set twice, once to {whole!r}.", "Set each field once.")
