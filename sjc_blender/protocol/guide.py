# SPDX-License-Identifier: GPL-3.0-or-later
"""What both sides know of a guide, the triangles that steer a model: how many there may be, how it sees them."""

from __future__ import annotations

import hashlib
import re

MOST_TRIANGLES = 1_000_000
"""Of a guide: more are not seen in pictures of a thousand pixels a side, and each is looked at in every step."""

MOST_VERTICES = 3 * MOST_TRIANGLES

PICTURES = ("depth", "normal", "canny")
"""What a ControlNet may see of a guide; the names are those in the names of public ControlNets."""


def guide_picture_of(picture: str, control: str) -> str | None:
    """Which of `PICTURES` a ControlNet sees.

    Parameters
    ----------
    picture : str
        One of them, or ``"auto"``: the one that the ControlNet's own name holds.
    control : str
        See `sjc_blender.protocol.spec.ModelSpec.control`.

    Returns
    -------
    str or None
        None if the name holds none or several.
    """
    if picture != "auto":
        return picture
    name = re.split(r"[\\/]", control.strip().rstrip("\\/"))[-1].lower()
    named = [kind for kind in PICTURES if kind in name]
    return named[0] if len(named) == 1 else None


def guide_digest(vertices: bytes, triangles: bytes) -> str:
    """SHA-256 of a guide: its vertices as float32 (x, y, z) and its triangles as int32, three a triangle."""
    digest = hashlib.sha256(f"{len(vertices)} {len(triangles)}".encode())
    digest.update(vertices)
    digest.update(triangles)
    return digest.hexdigest()
