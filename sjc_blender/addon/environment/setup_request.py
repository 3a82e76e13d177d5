# SPDX-License-Identifier: GPL-3.0-or-later
"""The request to the set-up's process, passed as one argument of JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...protocol import codec
from ..process.engine_python import MODULES
from ..process.environment_place import EnvironmentPlace, requirements_file


@dataclass(frozen=True)
class SetupRequest:
    """One change of the engine's environment.

    Attributes
    ----------
    action : str
        ``"set_up"`` makes, resumes, mends or updates it, whatever it takes; ``"remove"`` deletes it.
    root : str
        See `EnvironmentPlace`.
    wheelhouse : str
        A folder of packages to install from without any network; empty: from the Python Package Index.
    requirements, torch, tools : str
        Files with the exact versions of the engine's packages and their hashes, of torch, and of the installer.
    modules : tuple of str
        What has to be importable in the end.
    """

    action: Literal["set_up", "remove"]
    root: str
    wheelhouse: str = ""
    requirements: str = str(requirements_file("engine.txt"))
    torch: str = str(requirements_file("torch.txt"))
    tools: str = str(requirements_file("tools.txt"))
    modules: tuple[str, ...] = MODULES

    @property
    def place(self) -> EnvironmentPlace:
        """Where the environment lies."""
        return EnvironmentPlace(Path(self.root))

    def to_argument(self) -> str:
        """Write the request as one argument of a command line."""
        return json.dumps(codec.encode(self))


def from_argument(text: str) -> SetupRequest:
    """Read a request; ValueError if it is none."""
    request, faults = codec.decode(SetupRequest, json.loads(text))
    if request is None:
        raise ValueError("; ".join(map(str, faults)))
    return request
