# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the child processes of this Blender session: one timer moves all of them on, and they end together."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import NamedTuple

from . import clock
from .process.child_owner import ChildOwner, end_children

TICK_SECONDS = 0.25

GRACE_SECONDS = 5.0
"""For an engine to finish its step and write a checkpoint when Blender ends."""


class _Kept(NamedTuple):
    owners: tuple[ChildOwner, ...]
    step: Callable[[], object]
    busy: Callable[[], bool]


class ProcessKeeper:
    """Moves the owners of child processes on, and ends their children."""

    def __init__(self) -> None:
        self._kept: list[_Kept] = []

    @property
    def owners(self) -> list[ChildOwner]:
        """All owners of child processes."""
        return [owner for kept in self._kept for owner in kept.owners]

    def add(self, *owners: ChildOwner, step: Callable[[], object], busy: Callable[[], bool]) -> None:
        """Keep `owners`: `step` takes in what their children have told; `busy` returns whether more is to come."""
        self._kept.append(_Kept(owners, step, busy))

    def ensure_running(self) -> None:
        """Let the timer run, if there is an event loop that calls it."""
        clock.schedule(self._tick)

    def step(self) -> None:
        """Move every owner on, without waiting."""
        for kept in self._kept:
            kept.step()

    def end(self) -> None:
        """End every child process."""
        end_children(self.owners, GRACE_SECONDS)

    def _tick(self) -> float | None:
        for kept in self._kept:
            try:
                kept.step()
            except Exception:  # the border: neither this owner nor the others are to stand still
                traceback.print_exc()
        return TICK_SECONDS if any(kept.busy() for kept in self._kept) else None


PROCESSES = ProcessKeeper()
"""The child processes of this Blender session."""
