# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that say what happened and what to do next."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .shown import shown


class SjcError(Exception):
    """An expected failure, with a message for the user.

    Parameters
    ----------
    code : str
        Stable identifier for programs, such as ``"unknown_model"``.
    message : str
        One or two sentences: what is wrong, where, and what is allowed.
    hint : str
        What to do next. May be empty where the message says it all.
    """

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        # They may quote names and texts from outside.
        message, hint = shown(message), shown(hint)
        super().__init__(message if not hint else f"{message} {hint}")
        self.code = code
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class Fault:
    """One thing wrong with one field of a job spec.

    Attributes
    ----------
    field : str
        Dotted path of the field, such as ``"optimisation.steps"``.
    value : object
        The value found there.
    allowed : str
        What the field accepts, in words.
    """

    field: str
    value: Any
    allowed: str

    def __str__(self) -> str:
        value = _SHORT.repr(self.value)
        if len(value) > 80:
            value = value[:77] + "..."
        return f"{self.field} is {value}; allowed: {self.allowed}"


class _Short(reprlib.Repr):
    """Shortens the representation of a value from outside, however large or deeply nested it is."""

    def repr_int(self, x: int, level: int) -> str:
        return super().repr_int(x, level) if abs(x) < 1 << 256 else f"a whole number of {x.bit_length()} bits"


_SHORT = _Short()
_SHORT.maxstring = _SHORT.maxother = 80


def first_line(error: BaseException) -> str:
    """Return what an exception says, in one line; the name of its kind if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class InvalidSpec(SjcError):
    """A job spec with faults; `faults` lists every one of them."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        lines = "\n".join(f"  - {fault}" for fault in self.faults)
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        super().__init__("invalid_spec", f"The job cannot start, its settings have {count}:\n{lines}")
