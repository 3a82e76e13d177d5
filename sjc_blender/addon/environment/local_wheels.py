# SPDX-License-Identifier: GPL-3.0-or-later
"""Local folders of packages: from the preferences, or the settings of pip and uv."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SMALL_TORCH = 400_000_000
"""Largest size in bytes of a build of torch without CUDA."""


@dataclass(frozen=True)
class TorchWheel:
    """A build of torch in such a folder: the Python it is for, and whether it is one without CUDA."""

    python: tuple[int, int]
    small: bool


def torch_wheels(places: Iterable[str]) -> list[TorchWheel]:
    """Return the builds of torch in `places`, oldest Python first; anything but a folder is ignored."""
    found = []
    for place in places:
        for wheel in Path(place).glob("torch-*.whl") if place else ():
            match = re.search(r"-cp(\d)(\d+)-", wheel.name)
            if match:
                found.append(TorchWheel((int(match[1]), int(match[2])), wheel.stat().st_size < SMALL_TORCH))
    return sorted(found, key=lambda wheel: wheel.python)
