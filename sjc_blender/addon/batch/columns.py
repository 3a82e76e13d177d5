"""What a column of a batch may be called, and what its cells hold. Knows no bpy."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import re
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from ...protocol.spec import JobSpec
from .batch_fault import BatchFault

TEXT = ("prompt", "negative_prompt", "preset", "rig", "domain", "model", "proxy", "edit", "region", "name", "folder")
"""Their cells are text, whatever it looks like."""

PLAIN = (*TEXT, "seed", "jitter", "proxy_looseness", "outputs")
"""The columns beside the dotted ones, which name fields of the job spec."""


def unknown_column(row: int, name: str) -> BatchFault | None:
    """Give the fault of a column that is none; its value is the name."""
    if name in PLAIN or name in _fields():
        return None
    near = difflib.get_close_matches(name, [*PLAIN, *_fields()], n=1)
    meant = f" (perhaps {near[0]})" if near else ""
    allowed = f"{', '.join(PLAIN)}, or a field of job.json with its dots, such as optimisation.steps{meant}"
    return BatchFault.of(row, name, name, allowed)


def cell(column: str, text: str) -> Any:
    """Turn a cell's text into a value: JSON where that fits, else the text; `outputs` into names."""
    text = text.strip()
    if column in TEXT:
        return text
    if column == "outputs":
        return [name for name in re.split(r"[\s,+]+", text) if name]
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def flattened(values: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Write nested mappings as dotted columns."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        key = f"{path}.{name}" if path else str(name)
        flat |= flattened(value, key) if isinstance(value, Mapping) else {key: value}
    return flat


@functools.cache
def _fields() -> tuple[str, ...]:
    return tuple(dict.fromkeys(_paths(JobSpec, "")))


def _paths(kind: Any, path: str) -> Iterator[str]:
    """Dotted names of the fields below the first level, through every kind that a field may have."""
    union = typing.get_origin(kind) in {typing.Union, types.UnionType}
    for option in typing.get_args(kind) if union else (kind,):
        if not (isinstance(option, type) and dataclasses.is_dataclass(option)):
            continue
        hints = typing.get_type_hints(option)
        for field in dataclasses.fields(option):
            name = f"{path}.{field.name}" if path else field.name
            deeper = list(_paths(hints[field.name], name))
            yield from deeper
            if path and not deeper:
                yield name
