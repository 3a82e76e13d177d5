# SPDX-License-Identifier: GPL-3.0-or-later
"""``setup``: the engine's environment, without a window."""

from __future__ import annotations

import argparse

from ...protocol.amounts import gigabytes
from .. import api
from ..environment.engine_keeper import EngineState, Status
from .outcome import Outcome
from .progress import Progress

NAME = "setup"
HELP = "set up, resume, repair, update or remove the engine"
EXAMPLES = (
    "--online-mode --command sjc setup",
    "--command sjc setup --wheelhouse /media/stick/packages",
    "--command sjc setup --remove",
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the source of the packages."""
    parser.add_argument(
        "--wheelhouse", metavar="FOLDER", help="install from this folder of packages, without the network"
    )
    parser.add_argument("--remove", action="store_true", help="delete the engine's environment; keep jobs and models")


def run(arguments: argparse.Namespace) -> Outcome:
    """Set the engine up, and wait for it."""
    if arguments.remove:
        state = api.remove_engine(wait=True)
        if state.failure is not None:
            return Outcome("failed", error=state.failure)
        return Outcome(lines=[f"removed: {state.place.root}"])
    told = _StageLines(Progress(arguments))
    state = api.set_up_engine(wheelhouse=arguments.wheelhouse, wait=True, progress=told)
    facts = {"folder": str(state.place.root), "python": str(state.interpreter or ""), "bytes": state.size}
    if state.failure is not None:
        return Outcome("failed", facts, error=state.failure)
    if told.cancelled:
        return Outcome("cancelled", facts, ["Stopped; the same command goes on."])
    if state.status is not Status.READY:
        return Outcome("failed", facts, error=state.problem)
    lines = [f"python: {state.interpreter}", f"size: {gigabytes(state.size)}"]
    if state.source != "environment":
        lines.append("This Python is chosen in the preferences; it goes before what was set up.")
    return Outcome("done", facts, lines)


class _StageLines:
    """Prints each stage once, and its downloads."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._last = ""
        self.cancelled = False

    def __call__(self, state: EngineState) -> None:
        """Print what has changed."""
        self.cancelled |= state.status is Status.CANCELLING
        stage = state.stage
        if stage is None:
            return
        size = f", {gigabytes(stage.done)} of about {gigabytes(stage.total)}" if stage.total else ""
        detail = f": {stage.detail}{size}" if stage.detail else size
        line = f"[{stage.number}/{stage.count}] {stage.name}{detail}"
        if line != self._last:
            self._last = line
            facts = {"number": stage.number, "count": stage.count, "name": stage.name, "detail": stage.detail}
            self._progress.say(line, "stage", **facts, bytes_done=stage.done, bytes_total=stage.total)
