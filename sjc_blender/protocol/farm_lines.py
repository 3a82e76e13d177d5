# SPDX-License-Identifier: GPL-3.0-or-later
"""Events and commands of ``farm run --lines``: one JSON object per line, with the job's folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from . import events
from .json_text import object_in

RUN, CANCEL = "run", "cancel"


@dataclass(frozen=True)
class Command:
    """A command for the job in a folder: `RUN` or `CANCEL`."""

    command: str
    folder: Path

    @property
    def line(self) -> str:
        """The command as one line of JSON in ASCII, without the line end."""
        return json.dumps({"command": self.command, "folder": str(self.folder)})


def command_in(line: str) -> Command | None:
    """Return the command in a line; None if there is none."""
    data = object_in(line, events.LONGEST_LINE)
    command, folder = data.get("command"), data.get("folder")
    if command not in (RUN, CANCEL) or not isinstance(folder, str) or not _is_whole_path(folder):
        return None
    return Command(command, Path(folder))


def to_line(folder: Path, event: events.Event) -> str:
    """Write an event of the job in `folder` as one line of JSON in ASCII, without the line end."""
    return json.dumps({"folder": str(folder), "told": events.to_line(event)})


def from_line(line: str) -> tuple[Path, events.Event] | None:
    """Read a job's folder and event; None for any other line, as `events.from_line`."""
    data = object_in(line, events.LONGEST_LINE)
    folder, told = data.get("folder"), data.get("told")
    if not isinstance(folder, str) or not isinstance(told, str) or not _is_whole_path(folder):
        return None
    event = events.from_line(told)
    return None if event is None else (Path(folder), event)


def _is_whole_path(text: str) -> bool:
    return "\0" not in text and Path(text).is_absolute()
