# SPDX-License-Identifier: GPL-3.0-or-later
"""Conversion of a cell to its column's type. Knows no bpy."""

from __future__ import annotations

import json
import math
import re
import typing
from collections.abc import Sequence
from typing import Any, Final

from .columns import TEXT, kind_of, options_of
from .seed_ranges import seeds_of
from .written_numbers import NotANumber, number, whole_number

EMPTY: Final = object()
"""Value of an empty cell."""

TRUTHS = {"true": True, "yes": True, "1": True, "1.0": True, "false": False, "no": False, "0": False, "0.0": False}
MISSING = {"nan", "NaN", "<NA>"}
"""Missing values as pandas writes them."""

ERRORS = {"#N/A", "#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#CALC!"}
"""Error values of spreadsheets."""

BREAKS = re.compile(r"\s*[\n\r\v\f\x85\u2028\u2029]\s*")
UNFIT = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufffd\ud800-\udfff]")
"""Control characters, halves of pairs, and the sign for a letter that could not be read."""


class BadCell(ValueError):
    """Raised for an invalid cell; the message says what is allowed."""


def unfit_letter(text: str) -> str | None:
    """Return the first character of a text that is not allowed in a table, such as ``U+0000``."""
    found = UNFIT.search(text)
    return f"U+{ord(found[0]):04X}" if found else None


def cell(column: str, found: Any, decimal: str = ".") -> Any:
    """Return a cell's value.

    Parameters
    ----------
    column : str
        One that is known.
    found : object
        Text, or a value of JSON or of Python.
    decimal : str
        ``","`` in a file of a country that writes decimals so.

    Returns
    -------
    object
        Of the column's type where it can be; what is not is judged with the rest of the job. Line breaks in a text are
        spaces. `EMPTY` for nothing: an empty cell, JSON's null, a missing value of pandas.

    Raises
    ------
    BadCell
    """
    if type(found).__module__ == "numpy" and hasattr(found, "item"):
        found = found.item() if getattr(found, "ndim", 0) == 0 else found.tolist()
    if found is None or (isinstance(found, float) and math.isnan(found)):
        return EMPTY
    kind = kind_of(column)
    if not isinstance(found, str):
        return found if column in TEXT else _fitted(kind, found)
    text = found.strip().strip("\ufeff\u200b")
    unfit = unfit_letter(text)
    if unfit is not None:
        raise BadCell(f"text without {unfit}, which no editor shows: type the cell anew, and save as UTF-8")
    if not text:
        return text if kind is str and (column == "negative_prompt" or column not in TEXT) else EMPTY
    if text.upper() in ERRORS:
        raise BadCell("a value; a formula of the spreadsheet has failed here")
    if text in MISSING:
        if kind is str:
            raise BadCell("text; this stands for a missing value: leave the cell empty")
        return EMPTY
    if column in TEXT:
        return BREAKS.sub(" ", text)
    try:
        return _read(column, kind, text, decimal)
    except NotANumber as error:
        raise BadCell(str(error)) from error


def _read(column: str, kind: Any, text: str, decimal: str) -> Any:
    """Convert text to a type."""
    if column == "outputs":
        return [name for name in re.split(r"[\s,;+]+", text.lower()) if name]
    if column == "seed":
        seeds = seeds_of(text.strip("[]"))
        return seeds[0] if len(seeds) == 1 else seeds
    options = options_of(kind)
    if type(None) in options and text.lower() in {"null", "none"}:
        return None
    wanted = next(option for option in options if option is not type(None))
    if wanted is bool:
        if text.lower() not in TRUTHS:
            raise BadCell("true or false (also yes, no, 1, 0)")
        return TRUTHS[text.lower()]
    if wanted is int:
        return whole_number(text)
    if wanted is float:
        return number(text, decimal)
    if wanted is str:
        return text
    if typing.get_origin(wanted) is typing.Literal:
        choices = {str(choice).lower(): choice for choice in typing.get_args(wanted)}
        return choices.get(text.lower(), text)
    try:
        return _fitted(kind, json.loads(text))
    except (ValueError, RecursionError) as error:
        raise BadCell("a list in JSON, such as [0.1, 0.9]") from error


def _fitted(kind: Any, found: Any) -> Any:
    """Convert a value of JSON or Python to a type, where that loses nothing."""
    wanted = next((option for option in options_of(kind) if option is not type(None)), kind)
    if isinstance(found, (list, tuple)):
        kinds = _kinds_of_items(wanted, len(found))
        return [_fitted(*pair) for pair in zip(kinds, found, strict=True)]
    if wanted is int and isinstance(found, float) and found.is_integer():
        return int(found)
    if wanted is bool and isinstance(found, (int, float)) and found in (0, 1):
        return bool(found)
    if wanted == tuple[int, ...] and not isinstance(found, bool):  # of one seed
        return _fitted(int, found)
    return found


def _kinds_of_items(kind: Any, count: int) -> Sequence[Any]:
    kinds = typing.get_args(kind)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return [kinds[0]] * count
    return kinds if len(kinds) == count else [Any] * count
