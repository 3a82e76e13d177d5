# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers in the forms of spreadsheets and programs: ``3.0``, ``7,5``, ``1e3``. Knows no bpy."""

from __future__ import annotations

import math
import re
from decimal import Decimal

WHOLE = "a whole number such as 1000, without thousands separators"
NUMBER = "a number such as 0.5, without thousands separators"

_NUMBER = re.compile(r"[+-]?([0-9]{1,40}([.,][0-9]{0,40})?|[.,][0-9]{1,40})([eE][+-]?[0-9]{1,3})?")
_GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:([.,'’ \u00a0\u2009\u202f])[0-9]{3})(?:\1[0-9]{3})*")
_LARGEST = 19
"""Most digits before the point of a whole number, enough for any spec and quick to convert."""


class NotANumber(ValueError):
    """Raised for a text that is not a number; the message says what is allowed."""


def is_grouped(text: str) -> bool:
    """Return whether a text may have a thousands separator: ``1,000``, which elsewhere means 1."""
    return _GROUPED.fullmatch(text.strip()) is not None


def whole_number(text: str, allowed: str = WHOLE) -> int:
    """Read a whole number, also in the form ``3.0`` of pandas and LibreOffice for columns with gaps.

    Raises
    ------
    NotANumber
        With `allowed`; also for ``1.000`` and ``1,000``, which mean 1 to some and 1000 to others.
    """
    value = _value(text)
    if value is None or is_grouped(text) or value.adjusted() >= _LARGEST or value != value.to_integral_value():
        raise NotANumber(allowed)
    return int(value)


def number(text: str, decimal: str = ".") -> float:
    """Read a number; a decimal comma counts where it can mean nothing else.

    Parameters
    ----------
    decimal : str
        How the file writes its decimals, ``"."`` or ``","``: decides what ``1,500`` and ``1.500`` are. The one of
        them that may have groups of thousands is refused.

    Raises
    ------
    NotANumber
    """
    value = _value(text)
    if value is None or (is_grouped(text) and decimal not in text) or not math.isfinite(float(value)):
        raise NotANumber(NUMBER)
    return float(value)


def _value(text: str) -> Decimal | None:
    plain = text.strip().replace("\u2212", "-")
    return Decimal(plain.replace(",", ".")) if _NUMBER.fullmatch(plain) else None
