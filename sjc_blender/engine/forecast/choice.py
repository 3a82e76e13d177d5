# SPDX-License-Identifier: GPL-3.0-or-later
"""Choice of a memory level from a job's needs and the free memory, with warnings, or a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from ...protocol.amounts import gigabytes
from ...protocol.errors import SjcError
from ...protocol.memory import MemoryLevel, card_bytes
from ...protocol.spec import ModelSpec
from ..score_models.placement import first_level, levels_after
from .free import Free
from .needs import ENGINE_BYTES, Needs

ANYWAY = "model.memory=most begins all the same."


@dataclass(frozen=True)
class Choice:
    """The chosen memory level.

    Attributes
    ----------
    level : MemoryLevel
    warnings : tuple of str
        Messages for the user.
    """

    level: MemoryLevel
    warnings: tuple[str, ...] = ()


def choose_level(model: ModelSpec, needs: Needs, free: Free, device: torch.device) -> Choice:
    """Choose the fastest level that fits in memory.

    Raises
    ------
    SjcError
        ``not_enough_memory`` if not even the last level fits.
    """
    first = first_level(model)
    levels = (first, *levels_after(first, device))
    if model.memory == "most":
        return Choice(first)
    if free.graphics is None:
        return _in_main_memory(levels, needs, free)
    budget = min(free.graphics, card_bytes(model.memory) or free.graphics)
    level = next((level for level in levels if needs.graphics(level) <= budget), None)
    if level is None:
        raise SjcError(
            "not_enough_memory",
            f"The job needs about {gigabytes(needs.graphics(levels[-1]))} of graphics memory at the lowest level, "
            f"and it may use {gigabytes(budget)} ({gigabytes(free.graphics)} are free).",
            "Close other programs that use the graphics card, lower field.resolution, optimisation.render_size or "
            f"optimisation.views, choose a smaller model, or model.device=cpu; {ANYWAY}",
        )
    warnings = _main_memory_warnings(needs.memory(level, on_card=True), free)
    if level is not first:
        needed = f"about {gigabytes(needs.graphics(first))} of graphics memory, and may use {gigabytes(budget)}"
        warnings = (f"At full speed the job needs {needed}. To do with that, {level.words}.", *warnings)
    return Choice(level, warnings)


def require_disk(needs: Needs, free: Free, folder: Path, there: int) -> None:
    """Raise SjcError if the disk has too little space for a job's files.

    Parameters
    ----------
    folder : Path
        The job's.
    there : int
        Bytes of an earlier checkpoint, which is counted among the needs.

    Raises
    ------
    SjcError
        ``disk_full``.
    """
    needed = needs.disk - there
    if needed > free.disk:
        raise SjcError(
            "disk_full",
            f"The job needs about {gigabytes(needed)} for its files in {folder}, and {gigabytes(free.disk)} are free.",
            "Free some space, or choose another folder for the job, or a lower field.resolution.",
        )


def limit_graphics(model: ModelSpec, free: Free) -> None:
    """Limit this process to the memory of the chosen card size, which leaves the rest of a larger card free."""
    card = card_bytes(model.memory)
    if card is not None and free.graphics is not None:
        torch.cuda.set_per_process_memory_fraction(min(1.0, card / free.graphics_total))


def _in_main_memory(levels: tuple[MemoryLevel, ...], needs: Needs, free: Free) -> Choice:
    """Choose a level on the CPU, where everything is in main memory."""
    if free.memory is None:
        return Choice(levels[0])
    limit = free.memory.free + ENGINE_BYTES  # the engine itself is loaded already
    level = next((level for level in levels if needs.memory(level, on_card=False) <= limit), levels[-1])
    return Choice(level, _main_memory_warnings(needs.memory(level, on_card=False), free))


def _main_memory_warnings(needed: int, free: Free) -> tuple[str, ...]:
    """Warn if other programs have to be swapped out; refuse if that is not enough."""
    more = needed - ENGINE_BYTES
    if free.memory is None or more <= free.memory.free:
        return ()
    told = f"The job needs about {gigabytes(more)} more of main memory, and {gigabytes(free.memory.free)} are free"
    if more <= free.memory.limit:
        return (f"{told}: it may be slow. Close other programs.",)
    raise SjcError(
        "not_enough_memory",
        f"{told}, {gigabytes(free.memory.limit)} with what can be moved to the disk.",
        "Close other programs, lower field.resolution, optimisation.render_size or optimisation.views, or choose a "
        f"smaller model; {ANYWAY}",
    )
