# SPDX-License-Identifier: GPL-3.0-or-later
"""What both sides know of a job's picture, which a model sees beside the prompt: how large it is, and its digest."""

from __future__ import annotations

import hashlib

MOST_SIDE = 1024
"""Pixels along a side; the networks that see it shrink it to 224 or 336."""


def picture_digest(width: int, height: int, content: bytes) -> str:
    """SHA-256 of a picture: its pixels as bytes of red, green and blue, top row first."""
    digest = hashlib.sha256(f"{width} {height}".encode())
    digest.update(content)
    return digest.hexdigest()
