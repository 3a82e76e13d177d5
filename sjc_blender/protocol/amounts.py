# SPDX-License-Identifier: GPL-3.0-or-later
"""Readable texts for numbers of bytes and for times."""

from __future__ import annotations

import math


def gigabytes(count: float) -> str:
    """Write bytes as ``2.1 GB`` or ``340 MB``."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def duration(seconds: float) -> str:
    """Write a time as ``1:02:03`` or ``2:03``."""
    minutes, rest = divmod(math.ceil(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
