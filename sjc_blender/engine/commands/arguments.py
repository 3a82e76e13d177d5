# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of values on the command line."""

from __future__ import annotations

import argparse
import math


def finite(text: str) -> float:
    """A number that is neither NaN nor infinite: those pass every comparison, or none, and end in an empty picture."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r} is no finite number")
    return number
