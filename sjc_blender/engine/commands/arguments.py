# SPDX-License-Identifier: GPL-3.0-or-later
"""Types of command line arguments."""

from __future__ import annotations

import argparse
import math


def finite(text: str) -> float:
    """Return a finite number; NaN and infinity pass range checks and end in an empty picture."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r} is no finite number")
    return number
