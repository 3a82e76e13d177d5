# SPDX-License-Identifier: GPL-3.0-or-later
"""File names made of a prompt."""

from __future__ import annotations

import re
import unicodedata

from .device_names import is_device

LENGTH = 40


def slug(prompt: str) -> str:
    """Return the letters and digits of a prompt, of any language, as a file name that is valid on every platform."""
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFC", prompt).lower())
    name = "-".join(words)[:LENGTH].rstrip("-") or "job"
    return f"{name}-" if is_device(name) else name
