# SPDX-License-Identifier: GPL-3.0-or-later
"""The request for a job, made by the panel, the console, a batch and the command line alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from ...protocol.errors import SjcError
from ...protocol.home import expanded
from ..rigs.rig_choice import RigChoice

OUTPUTS = ("volume", "mesh")
"""Possible outputs of a job."""

STEERING = (
    "proxy",
    "looseness",
    "guide",
    "guide_strength",
    "guide_picture",
    "control",
    "picture",
    "picture_strength",
    "ip_adapter",
)
"""Fields of a request that say which shapes and pictures a new job keeps to; an edit has those of the edited job."""

Shape = bpy.types.Object | bpy.types.Collection | str


@dataclass(frozen=True)
class JobRequest:
    """A new job, or an edit of a finished one. Every field is optional.

    What is None is, for a new job, the usual value (`sjc_blender.addon.api.generate` names them); for an edit it is
    that of the edited job.

    Attributes
    ----------
    prompt, negative_prompt, preset, model : str or None
    seed : int or None
    outputs : sequence of str or None
        ``"volume"``, ``"mesh"`` or both.
    overrides : mapping
        Fields of the job spec, nested or by their dotted names; they go before everything else.
    rig : str, collection, RigChoice or None
    domain : object, its name, or None
    jitter : float or None
        Degrees.
    proxy : object, collection, the name of one, or None
    looseness : float or None
    guide : object, collection, the name of one, or None
    guide_strength : float or None
    guide_picture : str or None
    control : str, Path or None
    picture : Image, its name, the path of a PNG, or None
    picture_strength : float or None
    ip_adapter : str, Path or None
        These are of a new job alone: an edit has the viewpoints, the domain, the guide and the picture of the edited
        job, and no proxy.
    edit : Job, what names one (see `sjc_blender.addon.jobs.named_job.folder_of`), or None
        The finished job, or its result, that is edited; None: a new job.
    region : object, collection, the name of one, or None
        Of an edit: where the result may change.
    anew : bool
        Of an edit: whether the region begins as haze.
    memory : str or None
        Graphics memory that the job may use, see `sjc_blender.protocol.spec.ModelSpec`. It changes no result.
    """

    prompt: str | None = None
    negative_prompt: str | None = None
    preset: str | None = None
    model: str | Path | None = None
    seed: int | None = None
    outputs: Sequence[str] | str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    rig: str | bpy.types.Collection | RigChoice | None = None
    domain: bpy.types.Object | str | None = None
    jitter: float | None = None
    proxy: Shape | None = None
    looseness: float | None = None
    guide: Shape | None = None
    guide_strength: float | None = None
    guide_picture: str | None = None
    control: str | Path | None = None
    picture: bpy.types.Image | str | Path | None = None
    picture_strength: float | None = None
    ip_adapter: str | Path | None = None
    edit: Any = None
    region: Shape | None = None
    anew: bool = False
    memory: str | None = None

    @property
    def model_source(self) -> str | None:
        """The model, with Blender's ``//`` resolved."""
        return _beside(self.model)

    @property
    def model_fields(self) -> dict[str, Any]:
        """What it says of the spec's model, adapters aside: its source, what goes with it and its memory."""
        said = {
            "source": self.model_source,
            "control": _beside(self.control),
            "ip_adapter": _beside(self.ip_adapter),
            "memory": self.memory,
        }
        return {name: value for name, value in said.items() if value is not None}

    @property
    def output_choice(self) -> dict[str, bool] | None:
        """Fields of the spec's outputs; None if they are not chosen; SjcError ``unknown_output``."""
        if self.outputs is None:
            return None
        wanted = checked_outputs(self.outputs)
        return {name: name in wanted for name in OUTPUTS}


def _beside(source: str | Path | None) -> str | None:
    """Resolve Blender's ``//`` where a model's source begins with it."""
    source = str(source) if isinstance(source, Path) else source
    return absolute(source) if isinstance(source, str) and source.startswith("//") else source


def checked_outputs(outputs: Sequence[str] | str) -> tuple[str, ...]:
    """Return the outputs' names; SjcError ``unknown_output``."""
    given = outputs if isinstance(outputs, (list, tuple, set, frozenset)) else (outputs,)
    named = tuple(name.strip().lower() if isinstance(name, str) else name for name in given)
    unknown = [name for name in named if name not in OUTPUTS]
    if unknown or not named:
        found = ", ".join(map(repr, unknown)) or "nothing"
        raise SjcError("unknown_output", f"The outputs name {found}; known are {', '.join(OUTPUTS)}.")
    return named


def absolute(path: str | Path) -> str:
    """Resolve Blender's ``//`` and ``~``."""
    return str(expanded(bpy.path.abspath(str(path))).absolute())
