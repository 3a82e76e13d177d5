# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeds in the forms ``3``, ``0, 5, 9`` and ``0-7``. Knows no bpy."""

from __future__ import annotations

import re

from .written_numbers import NotANumber, is_grouped, whole_number

MOST = 1000
"""Most seeds of one text."""

ALLOWED = f'whole numbers such as 3 or "0, 5, 9", or ranges such as "0-7"; up to {MOST} seeds'
DASH = re.compile(r"\s*[-\u2010-\u2013]\s*")
"""Dashes that spreadsheets put in place of a hyphen."""

RANGE = re.compile("([0-9]{1,19})-([0-9]{1,19})")


def seeds_of(text: str) -> tuple[int, ...]:
    """Return the seeds that a text names, each once, in its order.

    Raises
    ------
    NotANumber
        With what is allowed.
    """
    seeds: dict[int, None] = {}
    if is_grouped(text):
        raise NotANumber(f"{ALLOWED}; no thousands separators")
    for part in re.split(r"[,;\s]+", DASH.sub("-", text.strip())):
        span = RANGE.fullmatch(part)
        first, last = (int(span[1]), int(span[2])) if span else (0, 0)
        if not 0 <= last - first < MOST or len(seeds) > MOST:
            raise NotANumber(ALLOWED)
        seeds |= dict.fromkeys(range(first, last + 1) if span else [whole_number(part, ALLOWED)])
    if len(seeds) > MOST:
        raise NotANumber(ALLOWED)
    return tuple(seeds)
