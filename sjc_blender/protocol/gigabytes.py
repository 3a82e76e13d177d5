"""Counts of bytes, for people."""

from __future__ import annotations

GIGABYTE = 10**9


def gigabytes(count: float) -> str:
    """Write bytes as ``2.1 GB`` or, below a tenth of one, ``64 MB``."""
    return f"{count / GIGABYTE:.1f} GB" if count >= GIGABYTE // 10 else f"{count / 10**6:.0f} MB"
