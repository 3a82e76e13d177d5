# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface of owners of child processes, and ending the children of several owners together."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Protocol

from . import platform_process

ENDING_SECONDS = 0.02


class ChildOwner(Protocol):
    """Starts child processes and processes their events; called from the main thread only."""

    @property
    def at_work(self) -> bool:
        """Whether a child runs or is being started."""

    def pump(self) -> object:
        """Process events without waiting; return a true value if anything changed."""

    def ask_to_end(self, grace: float) -> None:
        """Start no other child, and ask those that run to end; `pump` ends them after `grace` seconds."""


def end_children(owners: Collection[ChildOwner], grace: float) -> None:
    """End all child processes: they are asked first, and ended after `grace` seconds."""
    for owner in owners:
        owner.ask_to_end(grace)
    give_up = time.monotonic() + grace + platform_process.TASKKILL_SECONDS
    while any(owner.at_work for owner in owners) and time.monotonic() < give_up:
        for owner in owners:
            owner.pump()
        time.sleep(ENDING_SECONDS)
