# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the API's arguments, by name: an argument means the same in every function.

What belongs to a job's settings (prompt, preset, seed, ...) is judged with them, and jobs and objects where they are
looked up; this is about all else.
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import math
import numbers
import os
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

import bpy

from ..protocol.errors import SjcError
from .batch.entry import Entry
from .given_values import given
from .jobs.job_request import JobRequest
from .process.farm_process import Farm
from .rigs.rig_choice import FORMS, RigChoice

P = ParamSpec("P")
R = TypeVar("R")

LONGEST = 80
"""Characters of a wrong value in a message."""

LONGEST_NAME = 255
"""Bytes of a file's or a folder's name on the disks of all three systems."""

LARGEST = 2**31 - 1
"""What Blender's whole numbers hold."""


class Kind(NamedTuple):
    """A check of an argument, and its description."""

    allows: Callable[[Any], bool]
    allowed: str
    code: str = "bad_usage"


def _whole(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    try:
        return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number that no float holds
        return False


def _path(value: Any) -> bool:
    if not isinstance(value, (str, os.PathLike)) or not str(value).strip() or "\0" in str(value):
        return False
    return all(len(part.encode("utf-8", "replace")) <= LONGEST_NAME for part in Path(value).parts)


def _shape(value: Any) -> bool:
    return isinstance(value, (bpy.types.Object, bpy.types.Collection, str))


def _rig(value: Any) -> bool:
    return isinstance(value, (bpy.types.Collection, RigChoice, str))


def _rigs(value: Any) -> bool:
    return all(map(_rig, value if isinstance(value, (list, tuple, set)) else [value]))


SWITCH = Kind(lambda value: isinstance(value, int) and value in (False, True), "True or False")
FUNCTION = Kind(callable, "a function")
PATH = Kind(_path, "a path, as a text or a Path, of names with up to 255 bytes")
TEXT = Kind(lambda value: isinstance(value, str) and bool(value.strip()), "a text")
WHOLE = Kind(lambda value: _whole(value) and abs(value) <= LARGEST, f"a whole number from {-LARGEST} to {LARGEST}")
COUNT = Kind(lambda value: _whole(value) and 0 <= value <= LARGEST, f"a whole number from 0 to {LARGEST}")
LENGTH = Kind(lambda value: _number(value) and value > 0, "a number above 0")
SECONDS = Kind(lambda value: _number(value) and value >= 0, "a number of seconds, 0 or more")
RATE = Kind(lambda value: _number(value) and 0 < value < 1, "a number between 0 and 1, without these")
VOXELS = Kind(lambda value: _number(value) and 0 <= value <= 3, "a number from 0 to 3")
SETTINGS = Kind(lambda value: isinstance(value, Mapping), "a mapping of fields to values")
TEXTS = Kind(
    lambda value: isinstance(value, (list, tuple, set)) and all(isinstance(item, str) for item in value),
    "a list of texts",
)

PATHS = Kind(
    lambda value: isinstance(value, (list, tuple, set)) and all(map(_path, value)), "a list of paths, as texts or Paths"
)

KINDS: dict[str, Kind] = {
    **dict.fromkeys(("wait", "import_results", "now", "anew", "assets", "versions", "prune", "start", "tried"), SWITCH),
    **dict.fromkeys(("progress", "tell"), FUNCTION),
    **dict.fromkeys(("folder", "path", "engine_python", "wheelhouse"), PATH),
    **dict.fromkeys(
        ("guide_picture", "hub_id", "look", "kind", "side", "show", "name", "collection", "place", "background"), TEXT
    ),
    **dict.fromkeys(("steps", "size"), COUNT),
    "places": WHOLE,
    "faces": COUNT,
    "threshold": RATE,
    "smoothing": VOXELS,
    "timeout": SECONDS,
    "spacing": LENGTH,
    "tags": TEXTS,
    "look_in": PATHS,
    "overrides": SETTINGS,
    "model": Kind(_path, '"builtin", a folder, a file or an id, as a text or a Path', "invalid_spec"),
    "scene": Kind(lambda value: isinstance(value, (bpy.types.Scene, str)), "a scene or its name", "unknown_scene"),
    "rig": Kind(_rig, f"one of {FORMS}", "unknown_rig"),
    "rigs": Kind(_rigs, f"one of {FORMS}, or a list of such", "unknown_rig"),
    "entry": Kind(lambda value: isinstance(value, Entry), "an entry of the batch"),
    "domain": Kind(lambda value: isinstance(value, (bpy.types.Object, str)), "an object or its name", "unknown_domain"),
    **{
        what: Kind(_shape, "an object, a collection, or its name", f"unknown_{what}")
        for what in ("proxy", "guide", "region")
    },
    "picture": Kind(
        lambda value: isinstance(value, (bpy.types.Image, str, Path)),
        "an image, its name, or a path",
        "unknown_picture",
    ),
    "farm": Kind(
        lambda value: isinstance(value, (Farm, str)), "HOST:PORT of a scheduler, or an api.Farm", "bad_address"
    ),
    "request": Kind(lambda value: isinstance(value, JobRequest), "a JobRequest"),
}
"""Return the checks of a function's arguments, with None allowed where it is the default."""


def judged(function: Callable[P, R], name: str) -> Callable[P, R]:
    """Return a function of the API that checks its arguments first.

    Raises
    ------
    SjcError
        ``bad_usage``, or the code of the argument, such as ``unknown_domain``.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def checked(*arguments: P.args, **options: P.kwargs) -> R:
        try:
            bound = signature.bind(*arguments, **options)
        except TypeError as error:
            raise SjcError("bad_usage", f"api.{name}: {error}{_meant(options, signature)}.", _help(name)) from error
        for argument, value in bound.arguments.items():
            optional = "None" in str(signature.parameters[argument].annotation)
            bound.arguments[argument] = _judged(value, name, argument, optional)
        return function(*bound.args, **bound.kwargs)

    return checked


def _judged(value: Any, name: str, argument: str, optional: bool) -> Any:
    """Return the value as `given` does; SjcError if it cannot be that argument."""
    # The rows of a batch are judged one by one.
    rows = (name, argument) == ("batch", "source") and not isinstance(value, (str, Path))
    value = given(value, f"api.{name}: {argument}", texts=not rows)
    if isinstance(value, JobRequest):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        value = dataclasses.replace(value, **{field: _judged(fields[field], name, field, True) for field in fields})
    elif isinstance(value, RigChoice):  # which `rig_choice` judges
        value = dataclasses.replace(
            value, **{field.name: given(getattr(value, field.name), field.name) for field in dataclasses.fields(value)}
        )
    kind = KINDS.get(argument)
    if kind is None or (value is None and optional) or kind.allows(value):
        return value
    found = f"{argument} is {repr(value)[:LONGEST]}"
    raise SjcError(kind.code, f"api.{name}: {found}; allowed: {kind.allowed}.", _help(name))


def _help(name: str) -> str:
    return f"In Python help(api.{name}) tells more, on the command line --help."


def _meant(options: Mapping[str, Any], signature: inspect.Signature) -> str:
    """Which argument may be meant by one that does not exist."""
    unknown: Sequence[str] = [option for option in options if option not in signature.parameters]
    near = difflib.get_close_matches(unknown[0], signature.parameters, n=1) if unknown else []
    return f" (perhaps {near[0]})" if near else ""
