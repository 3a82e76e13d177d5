# SPDX-License-Identifier: GPL-3.0-or-later
"""Frozen data classes to JSON values and back, collecting every fault on the way in."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import types
import typing
from typing import Any, TypeVar

from .errors import Fault

T = TypeVar("T")


MOST_FAULTS = 100
"""Number of faults after which decoding stops."""

LARGEST_WHOLE = (1 << 63) - 1


class _Bad(Exception):
    """Raised for a value that does not fit; the fault is already recorded."""


class _TooMany(Exception):
    """Raised when `MOST_FAULTS` faults were found."""


def encode(value: Any) -> Any:
    """Turn a data class (or a container of them) into plain JSON values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    return value


def decode(cls: type[T], data: Any, path: str = "") -> tuple[T | None, list[Fault]]:
    """Build `cls` from JSON values.

    Returns
    -------
    value : cls or None
        None if there was any fault.
    faults : list of Fault
        Unknown fields, missing fields and values of the wrong kind, all of them up to `MOST_FAULTS`.
    """
    faults: list[Fault] = []
    try:
        value = _decode(cls, data, path, faults)
    except (_Bad, _TooMany):
        return None, faults
    return (None, faults) if faults else (value, faults)


def _decode(kind: Any, data: Any, path: str, faults: list[Fault]) -> Any:
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, data, path, faults)
    if origin in (typing.Union, types.UnionType):
        return _decode_union(typing.get_args(kind), data, path, faults)
    if origin is typing.Literal:
        choices = typing.get_args(kind)
        if data not in choices:
            _fail(faults, path, data, "one of " + ", ".join(map(repr, choices)))
        return data
    if origin is tuple:
        return _decode_tuple(typing.get_args(kind), data, path, faults)
    if origin is dict:
        if not isinstance(data, dict):
            _fail(faults, path, data, "a JSON object")
        item = typing.get_args(kind)[1]
        return {str(k): _decode(item, v, f"{path}.{k}", faults) for k, v in data.items()}
    return _decode_scalar(kind, data, path, faults)


def _decode_dataclass(cls: Any, data: Any, path: str, faults: list[Fault]) -> Any:
    if not isinstance(data, dict):
        _fail(faults, path or "the job", data, "a JSON object")
    hints = _hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for name in data:
        if name not in fields:
            _note(faults, _join(path, name), data[name], _unknown(name, list(fields)))
    values = {}
    complete = True
    for name, f in fields.items():
        if name not in data:
            if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
                _note(faults, _join(path, name), None, "must be given")
                complete = False
            continue
        try:
            values[name] = _decode(hints[name], data[name], _join(path, name), faults)
        except _Bad:
            complete = False
    if not complete:
        raise _Bad
    return cls(**values)


@functools.cache
def _hints(cls: Any) -> dict[str, Any]:
    """Return the types of a data class's fields, cached: evaluating annotations is most of the work of decoding."""
    return typing.get_type_hints(cls)


def _decode_union(options: tuple[Any, ...], data: Any, path: str, faults: list[Fault]) -> Any:
    if data is None and type(None) in options:
        return None
    options = tuple(option for option in options if option is not type(None))
    if len(options) == 1:
        return _decode(options[0], data, path, faults)
    # Several data classes are told apart by the literal in their `kind` field.
    kinds = {typing.get_args(_hints(option)["kind"])[0]: option for option in options}
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(kind, str) or kind not in kinds:
        _fail(faults, _join(path, "kind"), kind, "one of " + ", ".join(map(repr, kinds)))
    return _decode(kinds[kind], data, path, faults)


def _decode_tuple(items: tuple[Any, ...], data: Any, path: str, faults: list[Fault]) -> Any:
    if not isinstance(data, (list, tuple)):
        _fail(faults, path, data, "a list")
    if len(items) == 2 and items[1] is Ellipsis:
        return tuple(_decode(items[0], value, f"{path}[{i}]", faults) for i, value in enumerate(data))
    if len(data) != len(items):
        _fail(faults, path, data, f"a list of {len(items)}")
    pairs = zip(items, data, strict=True)
    return tuple(_decode(item, value, f"{path}[{i}]", faults) for i, (item, value) in enumerate(pairs))


def _decode_scalar(kind: Any, data: Any, path: str, faults: list[Fault]) -> Any:
    if kind is float:
        number = _finite(data)
        if number is None:
            _fail(faults, path, data, "a finite number")
        return number
    if kind is int:
        if isinstance(data, bool) or not isinstance(data, int) or not -LARGEST_WHOLE <= data <= LARGEST_WHOLE:
            _fail(faults, path, data, "a whole number of at most 64 bits")
        return data
    if kind is bool:
        if not isinstance(data, bool):
            _fail(faults, path, data, "true or false")
        return data
    if kind is str:
        if not isinstance(data, str) or not _is_text(data):
            _fail(faults, path, data, "text, without the character 0 and halves of characters")
        return data
    return data


def _finite(data: Any) -> float | None:
    if isinstance(data, bool) or not isinstance(data, (int, float)):
        return None
    try:
        number = float(data)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _is_text(text: str) -> bool:
    return "\0" not in text and (text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text))


def _unknown(name: Any, known: list[str]) -> str:
    near = difflib.get_close_matches(str(name)[:100].lower(), known, n=1)
    meant = f"perhaps {near[0]}; " if near else ""
    return f"no such field; {meant}known: {', '.join(known)}"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _fail(faults: list[Fault], path: str, value: Any, allowed: str) -> typing.NoReturn:
    _note(faults, path, value, allowed)
    raise _Bad


def _note(faults: list[Fault], path: str, value: Any, allowed: str) -> None:
    faults.append(Fault(path, value, allowed))
    if len(faults) >= MOST_FAULTS:
        raise _TooMany
