# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the API's arguments, by name: an argument means the same in every function.

What belongs to a job's settings (prompt, preset, seed, ...) is judged with them, and jobs and objects where they are
looked up; this is about all else.
"""

from __future__ import annotations

import inspect
import math
import numbers
import os
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar

import bpy
import numpy as np

from ..protocol.errors import SjcError
from .jobs.job_request import JobRequest
from .process.farm_process import Farm
from .rigs.rig_choice import FORMS, RigChoice

P = ParamSpec("P")
R = TypeVar("R")

LONGEST = 80
"""Characters of a wrong value in a message."""


class Kind(NamedTuple):
    """A check of an argument, and its description."""

    allows: Callable[[Any], bool]
    allowed: str
    code: str = "bad_usage"


def _whole(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def _path(value: Any) -> bool:
    return isinstance(value, (str, os.PathLike)) and bool(str(value).strip()) and "\0" not in str(value)


SWITCH = Kind(lambda value: isinstance(value, (int, np.bool_)) and value in (False, True), "True or False")
FUNCTION = Kind(callable, "a function")
PATH = Kind(_path, "a path, as a text or a Path")
TEXT = Kind(lambda value: isinstance(value, str) and bool(value.strip()), "a text")
WHOLE = Kind(_whole, "a whole number")
COUNT = Kind(lambda value: _whole(value) and value >= 0, "a whole number, 0 or more")
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

_SHAPE = (bpy.types.Object, bpy.types.Collection, str)

KINDS: dict[str, Kind] = {
    **dict.fromkeys(("wait", "import_results", "now", "anew", "assets", "versions", "prune", "start"), SWITCH),
    **dict.fromkeys(("progress", "tell"), FUNCTION),
    **dict.fromkeys(("folder", "path", "engine_python", "wheelhouse"), PATH),
    **dict.fromkeys(("hub_id", "look", "kind", "side", "show", "name", "collection", "place"), TEXT),
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
    "rig": Kind(
        lambda value: isinstance(value, (bpy.types.Collection, RigChoice, str)), f"one of {FORMS}", "unknown_rig"
    ),
    "domain": Kind(lambda value: isinstance(value, (bpy.types.Object, str)), "an object or its name", "unknown_domain"),
    "proxy": Kind(lambda value: isinstance(value, _SHAPE), "an object, a collection, or its name", "unknown_proxy"),
    "guide": Kind(lambda value: isinstance(value, _SHAPE), "an object, a collection, or its name", "unknown_guide"),
    "region": Kind(lambda value: isinstance(value, _SHAPE), "an object, a collection, or its name", "unknown_region"),
    "farm": Kind(
        lambda value: isinstance(value, (Farm, str)), "HOST:PORT of a scheduler, or an api.Farm", "bad_address"
    ),
    "request": Kind(lambda value: isinstance(value, JobRequest), "a JobRequest"),
    **dict.fromkeys(("rig_report.model", "show_model.model", "model_profile.model"), PATH),  # others: with all settings
    "tried": SWITCH,
    "background": TEXT,
}
"""Return the checks of a function's arguments, with None allowed where it is the default."""


def judged(function: Callable[P, R], name: str) -> Callable[P, R]:
    """Return a function of the API that checks its arguments first.

    Raises
    ------
    SjcError
        ``bad_usage``, or the code of the argument, such as ``unknown_domain``.
    """
    parameters = inspect.signature(function).parameters
    found = {argument: KINDS.get(f"{name}.{argument}") or KINDS.get(argument) for argument in parameters}
    kinds = {argument: kind for argument, kind in found.items() if kind is not None}

    may_be_none = {argument for argument, about in parameters.items() if "None" in str(about.annotation)}

    @wraps(function)
    def checked(*arguments: P.args, **options: P.kwargs) -> R:
        given = dict(zip(parameters, arguments, strict=False)) | options
        for argument, value in given.items():
            kind = kinds.get(argument)
            if kind is None or (value is None and argument in may_be_none):
                continue
            if not kind.allows(value):
                raise SjcError(
                    kind.code,
                    f"api.{name}: {argument} is {repr(value)[:LONGEST]}; allowed: {kind.allowed}.",
                    f"help(api.{name}) tells more.",
                )
        return function(*arguments, **options)

    return checked
