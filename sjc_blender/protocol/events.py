# SPDX-License-Identifier: GPL-3.0-or-later
"""Events that the engine sends and commands that it receives, one JSON object per line."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from . import codec
from .diagnosis import Diagnosis
from .errors import SjcError
from .json_text import object_in
from .model_events import ModelFacts, Models, ProfileTemplate, Transfer
from .setup_events import Stage


@dataclass(frozen=True)
class Phase:
    """The job enters a phase: loading, optimising, colouring, meshing, writing."""

    name: str


@dataclass(frozen=True)
class Forecast:
    """What the job will need; sent before the first step, and again with an estimated time after some steps.

    Attributes
    ----------
    memory_bytes, graphics_bytes : int
        Main memory and, on a graphics card, its own.
    disk_bytes : int
        All files at their largest together.
    seconds : float
        From now to the result; 0: not known yet.
    """

    memory_bytes: int
    graphics_bytes: int
    disk_bytes: int
    seconds: float = 0.0


@dataclass(frozen=True)
class Progress:
    """One report from the optimisation.

    Attributes
    ----------
    step, total : int
        Steps done, steps in all.
    steps_per_second, eta_seconds : float
        Measured rate and the estimate of the time left.
    sigma : float
        Noise level of the last step.
    losses : dict
        Name to value.
    """

    step: int
    total: int
    steps_per_second: float = 0.0
    eta_seconds: float = 0.0
    sigma: float = 0.0
    losses: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Preview:
    """A new preview picture; `path` is relative to the job folder."""

    path: str
    step: int


@dataclass(frozen=True)
class LiveField:
    """A new coarse copy of the field, in the form of ``result/field.npz``; `path` is relative to the job folder."""

    path: str
    step: int


@dataclass(frozen=True)
class CheckpointSaved:
    """A checkpoint of `step` steps is complete; `path` is relative to the job folder."""

    path: str
    step: int


@dataclass(frozen=True)
class Paused:
    """The job is paused after `step` steps."""

    step: int


@dataclass(frozen=True)
class WentOn:
    """The pause is over."""

    step: int


@dataclass(frozen=True)
class Warned:
    """Something the user should know that does not stop the job."""

    message: str


@dataclass(frozen=True)
class ObjectWhole:
    """The field and, if wanted, the mesh are complete in the result's folder; pictures of them follow."""


@dataclass(frozen=True)
class Result:
    """The job is done. `files` maps names (field, mesh_ply, ...) to paths in the job folder."""

    files: dict[str, str]
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Cancelled:
    """The job stopped on request after `step` steps; its checkpoint is valid."""

    step: int


@dataclass(frozen=True)
class Failed:
    """The job stopped on an error."""

    code: str
    message: str
    hint: str = ""

    @classmethod
    def of(cls, error: SjcError) -> Failed:
        """Return the event for `error`."""
        return cls(error.code, error.message, error.hint)


Event = (
    Phase
    | Forecast
    | Progress
    | Preview
    | LiveField
    | CheckpointSaved
    | Paused
    | WentOn
    | Warned
    | ObjectWhole
    | Result
    | Cancelled
    | Failed
    | Models
    | Transfer
    | ModelFacts
    | ProfileTemplate
    | Stage
    | Diagnosis
)

_NAMES: dict[str, type[Any]] = {
    "phase": Phase,
    "forecast": Forecast,
    "progress": Progress,
    "preview": Preview,
    "live_field": LiveField,
    "checkpoint": CheckpointSaved,
    "paused": Paused,
    "went_on": WentOn,
    "warning": Warned,
    "object": ObjectWhole,
    "result": Result,
    "cancelled": Cancelled,
    "error": Failed,
    "models": Models,
    "transfer": Transfer,
    "model": ModelFacts,
    "profile": ProfileTemplate,
    "stage": Stage,
    "diagnosis": Diagnosis,
}
_NAME_OF = {cls: name for name, cls in _NAMES.items()}


LONGEST_LINE = 1 << 20
"""Largest size of an event in bytes."""


def to_line(event: Event) -> str:
    """Write an event as one line of JSON in ASCII, without the line end.

    To some readers of UTF-8, U+2028 and others end a line too, and half of a character cannot be written in it.
    """
    return json.dumps({"event": _NAME_OF[type(event)], **codec.encode(event)})


def from_line(line: str) -> Event | None:
    """Read an event; None for any other line, such as a library's print or an event of a later release."""
    data = object_in(line, LONGEST_LINE)
    kind = data.pop("event", None)
    if not isinstance(kind, str) or kind not in _NAMES:
        return None
    value, _faults = codec.decode(_NAMES[kind], data)
    return value


def from_bytes(line: bytes) -> Event | None:
    """Read an event in UTF-8; see `from_line`."""
    return from_line(line.decode("utf-8", "replace")) if len(line) <= LONGEST_LINE else None


CANCEL = '{"command": "cancel"}'
"""The line on the engine's standard input that stops it after the current step."""

PAUSE = '{"command": "pause"}'
"""Pause after the current step; the memory is kept."""

GO_ON = '{"command": "resume"}'
"""End a pause."""


def command_in(line: str) -> str | None:
    """Return the command in a line of the engine's standard input; None if there is none."""
    command = object_in(line, LONGEST_LINE).get("command")
    return command if isinstance(command, str) else None
