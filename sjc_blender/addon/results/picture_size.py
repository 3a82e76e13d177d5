# SPDX-License-Identifier: GPL-3.0-or-later
"""The size of a PNG, read from its header before Blender allocates memory."""

from __future__ import annotations

from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
"""The format's signature and first chunk: https://www.w3.org/TR/png/#5PNG-file-signature."""


def picture_size(file: BinaryIO) -> tuple[int, int]:
    """Return width and height in pixels; (0, 0) if the file is not a PNG."""
    begin = file.read(len(SIGNATURE) + 8)
    if not begin.startswith(SIGNATURE) or len(begin) < len(SIGNATURE) + 8:
        return 0, 0
    return int.from_bytes(begin[-8:-4], "big"), int.from_bytes(begin[-4:], "big")
