# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory levels of a job, from the fastest to the one that needs least memory; memory of common graphics cards.

Both are data, ``sjc_blender/presets/memory/``. Which level a job begins with is the engine's choice, by what the model
needs and what is free (`sjc_blender.engine.forecast`); when memory runs out nevertheless, it takes the next one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

MEMORY_PRESETS = Path(__file__).resolve().parent.parent / "presets" / "memory"


@dataclass(frozen=True)
class MemoryLevel:
    """One way to run a model.

    Attributes
    ----------
    offload : str
        See `spec.ModelSpec.offload`.
    samples_at_once : int
        How many samples the network sees in one call; 0: all there are. Guidance takes two for each.
    tile : int
        Side in pixels above which a picture is decoded in tiles; 0: whole.
    words : str
        What it means, for people.
    """

    offload: Literal["none", "model", "sequential"]
    samples_at_once: int
    tile: int
    words: str


@cache
def memory_levels() -> tuple[MemoryLevel, ...]:
    """Return all levels, fastest first; each needs less memory than the one before."""
    return tuple(
        MemoryLevel(**entry) for entry in json.loads((MEMORY_PRESETS / "levels.json").read_text(encoding="utf-8"))
    )


def card_bytes(memory: str) -> int | None:
    """Return the bytes that a job may use with this `spec.ModelSpec.memory`: the card's, less those of the desktop.

    None where it names no size of card.
    """
    cards: dict[str, float] = json.loads((MEMORY_PRESETS / "cards.json").read_text(encoding="utf-8"))
    return int(cards[memory]) if memory in cards else None
