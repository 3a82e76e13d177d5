# SPDX-License-Identifier: GPL-3.0-or-later
"""The columns of a batch. Knows no bpy."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import re
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from ...protocol.spec import JobSpec
from .batch_fault import BatchFault

TEXT = (
    "prompt",
    "negative_prompt",
    "preset",
    "rig",
    "domain",
    "model",
    "proxy",
    "guide",
    "guide_picture",
    "control",
    "picture",
    "ip_adapter",
    "edit",
    "region",
    "name",
    "folder",
)
"""Columns whose cells are always text."""

NUMBERS = ("jitter", "looseness", "guide_strength", "picture_strength")

PLAIN = (*TEXT, *NUMBERS, "seed", "outputs")
"""The columns beside the dotted ones, which name fields of the job spec."""

DEEPEST = 8
"""Most levels of nested fields; a job spec has four."""


def canonical(name: str) -> str:
    """Return a column's normalised name: ``Negative Prompt`` is ``negative_prompt``."""
    return re.sub(r"[\s\u200b\ufeff]+", "_", name.strip(" \t\r\n\u00a0\u200b\ufeff").lower())


def is_column(name: str) -> bool:
    """Return whether `name` is a known column."""
    return name in PLAIN or name in _fields()


def unknown_column(row: int, name: str) -> BatchFault:
    """Return the fault for an unknown column; its value is the name."""
    near = difflib.get_close_matches(name[:100], [*PLAIN, *_fields()], n=1)
    meant = f" (perhaps {near[0]})" if near else ""
    allowed = f"{', '.join(PLAIN)}, or a field of job.json with its dots, such as optimisation.steps{meant}"
    return BatchFault.of(row, name, name, allowed)


def kind_of(column: str) -> Any:
    """Return the type of a column's values, as the job spec declares it; `str` for text."""
    plain: dict[str, Any] = {"seed": tuple[int, ...], "outputs": tuple[str, ...]}
    plain |= dict.fromkeys(TEXT, str) | dict.fromkeys(NUMBERS, float)
    return plain[column] if column in plain else _fields()[column]


def flattened(values: Mapping[Any, Any], path: str = "", depth: int = 0) -> list[tuple[str, Any]]:
    """Write nested mappings as dotted columns; a name that comes twice is there twice."""
    flat: list[tuple[str, Any]] = []
    for name, value in values.items():
        key = f"{path}.{canonical(str(name))}" if path else canonical(str(name))
        nested_fields = isinstance(value, Mapping) and depth < DEEPEST
        flat += flattened(value, key, depth + 1) if nested_fields else [(key, value)]
    return flat


@functools.cache
def _fields() -> dict[str, Any]:
    """Dotted names of the spec's fields, and their types."""
    fields: dict[str, Any] = {}
    for name, kind in _paths(JobSpec, ""):
        fields.setdefault(name, kind)
    return fields


def _paths(kind: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Dotted names of the fields below the first level, through every kind that a field may have."""
    for option in options_of(kind):
        if not (isinstance(option, type) and dataclasses.is_dataclass(option)):
            continue
        hints = typing.get_type_hints(option)
        for field in dataclasses.fields(option):
            name = f"{path}.{field.name}" if path else field.name
            deeper = list(_paths(hints[field.name], name))
            yield from deeper
            if path and not deeper:
                yield name, hints[field.name]


def options_of(kind: Any) -> tuple[Any, ...]:
    """Return the types of a union; any other type by itself."""
    union = typing.get_origin(kind) in {typing.Union, types.UnionType}
    return typing.get_args(kind) if union else (kind,)
