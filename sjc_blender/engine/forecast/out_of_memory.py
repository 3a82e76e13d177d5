# SPDX-License-Identifier: GPL-3.0-or-later
"""Recovery when memory runs out: the model goes to the next lower memory level, and the action is repeated."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TypeVar

import torch

from ...protocol.events import Warned
from ...protocol.memory import MemoryLevel
from ..reporter import Report
from ..score_models.load_errors import is_out_of_memory
from ..score_models.placement import Placeable, levels_after
from ..score_models.score_model import ScoreModel

T = TypeVar("T")


def with_less_memory(
    action: Callable[[], T], model: ScoreModel, report: Report, restore: Callable[[], None] = lambda: None
) -> T:
    """Call `action`; each time that memory runs out, lower the model's memory level and call it again.

    Parameters
    ----------
    model : ScoreModel
        Only one that is `Placeable` can do with less.
    report : callable
        Warned of each level that is taken.
    restore : callable
        Called before `action` is begun again, to undo what a part of it has changed.

    Raises
    ------
    Exception
        Any other exception of `action`, and lack of memory at the lowest level.
    """
    while True:
        try:
            return action()
        except Exception as error:
            level = _next_level(model) if is_out_of_memory(error) else None
            if level is None:
                raise
        # Out of the handler: the exception's frames, which hold what filled the memory, are gone.
        _free(model.device)
        assert isinstance(model, Placeable)
        report(Warned(f"Memory ran out. The job goes on with less, and slower: {level.words}."))
        model.place(level)
        restore()


def _next_level(model: ScoreModel) -> MemoryLevel | None:
    if not isinstance(model, Placeable):
        return None
    return next(iter(levels_after(model.level, model.device)), None)


def _free(device: torch.device) -> None:
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
