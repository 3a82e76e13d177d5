# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine as a child process that runs one job."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder
from .child_process import ISOLATED, ChildProcess, child_environment

BOOTSTRAP = Path(__file__).resolve().with_name("engine_bootstrap.py")

STAND_IN = Path("stand-in")
"""Used instead of the engine's Python: Blender's own then runs `sjc_blender.stand_in`, which computes nothing."""


def engine_command(interpreter: Path, *arguments: str) -> list[str]:
    """Return the command that runs the engine's command line with `interpreter`."""
    if interpreter == STAND_IN:
        return [sys.executable, *ISOLATED, str(BOOTSTRAP), "--stand-in", *arguments]
    # Not resolve(): the link that is a virtual environment's Python is what makes it one.
    return [str(interpreter.absolute()), *ISOLATED, str(BOOTSTRAP), *arguments]


class EngineProcess(ChildProcess):
    """A running engine; made by `start`."""

    @classmethod
    def run_engine(cls, interpreter: Path, arguments: Sequence[str], log_path: Path, *, online: bool) -> Self:
        """Run the engine's command line; arguments and errors as of `start`."""
        try:
            command = engine_command(interpreter, *arguments)
            return cls.run(command, log_path, child_environment(os.environ, online=online))
        except (OSError, ValueError) as error:
            raise SjcError(
                "engine_not_started",
                f"The engine could not be started with {interpreter}: {error}.",
                "Choose the Python of the engine's environment in the add-on's preferences.",
            ) from error

    @classmethod
    def start(cls, interpreter: Path, folder: JobFolder, *, online: bool) -> Self:
        """Run the job in `folder`.

        Parameters
        ----------
        interpreter : Path
            The engine's Python, see `sjc_blender.addon.process.engine_python`.
        online : bool
            Whether the engine may use the network.

        Raises
        ------
        SjcError
            ``engine_not_started``, or as in `atomic_write.file_error` if the log cannot be written.
        """
        return cls.run_engine(interpreter, ("run", str(folder.path.absolute())), folder.log_path, online=online)
