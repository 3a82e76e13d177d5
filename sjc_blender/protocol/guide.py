# SPDX-License-Identifier: GPL-3.0-or-later
"""What both sides know of a guide, the triangles whose depth steers a model: how many they may be, and their digest."""

from __future__ import annotations

import hashlib

MOST_TRIANGLES = 1_000_000
"""Of a guide: more are not seen in pictures of a thousand pixels a side, and each is looked at in every step."""

MOST_VERTICES = 3 * MOST_TRIANGLES


def guide_digest(vertices: bytes, triangles: bytes) -> str:
    """SHA-256 of a guide: its vertices as float32 (x, y, z) and its triangles as int32, three a triangle."""
    digest = hashlib.sha256(f"{len(vertices)} {len(triangles)}".encode())
    digest.update(vertices)
    digest.update(triangles)
    return digest.hexdigest()
