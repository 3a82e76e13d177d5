# SPDX-License-Identifier: GPL-3.0-or-later
"""What a caller of the API gives, as Blender and JSON can hold it; what neither can is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..protocol.errors import SjcError
from ..protocol.shown import shown

LONGEST = 200
"""Characters of a name in a sentence."""

DEEPEST = 16
"""Lists and mappings within one another: settings have four."""


def given(value: Any, what: str, *, texts: bool = True) -> Any:
    """Return a value with the scalars and arrays of NumPy in it as those of Python.

    Parameters
    ----------
    value : anything
        Looked into where it is a list, a tuple, a set or a mapping.
    what : str
        Its name, for a sentence.
    texts : bool
        Whether texts are judged; False where whoever reads them tells better where they stand.

    Raises
    ------
    SjcError
        ``bad_usage`` for text that is not UTF-8 or holds the character 0, and for what is nested too deeply;
        ``unknown_object`` for what was deleted from the file.
    """
    return _given(value, what, texts, 0)


def require_utf8(*texts: str) -> None:
    """Raise SjcError ``bad_usage`` for a text that is not UTF-8: Blender's names and paths are."""
    for text in texts:
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise SjcError(
                "bad_usage",
                f"{shown(text, LONGEST)!r} is not UTF-8, and Blender holds no other names.",
                "Rename that file or folder.",
            )


def _given(value: Any, what: str, texts: bool, depth: int) -> Any:
    if depth > DEEPEST:
        raise SjcError("bad_usage", f"{what} is nested too deeply; allowed: up to {DEEPEST} levels.")
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, (str, Path)):
        if texts:
            _require_text(str(value), what)
    elif isinstance(value, bpy.types.bpy_struct):
        _require_there(value, what)
    elif isinstance(value, Mapping):
        return {
            _given(key, what, texts, depth + 1): _given(item, what, texts, depth + 1) for key, item in value.items()
        }
    elif type(value) in _BUILT:
        return _BUILT[type(value)](_given(item, what, texts, depth + 1) for item in value)
    return value


def _require_text(text: str, what: str) -> None:
    require_utf8(text)
    if "\0" in text:
        raise SjcError("bad_usage", f"{what} has the character 0 in it, which no name and no text may have.")


_BUILT: dict[type, Callable[[Any], Any]] = {kind: kind for kind in (list, tuple, set, frozenset)}


def _require_there(value: bpy.types.bpy_struct, what: str) -> None:
    try:
        value.as_pointer()
    except ReferenceError as error:
        raise SjcError(
            "unknown_object", f"{what} was deleted: it is not in this file any more.", "Look it up again, by its name."
        ) from error
