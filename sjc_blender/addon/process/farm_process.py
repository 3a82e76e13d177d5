# SPDX-License-Identifier: GPL-3.0-or-later
"""A farm's sender as a child process: it gives jobs to the farm's scheduler and tells what becomes of each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ...protocol import farm_lines
from ...protocol.errors import SjcError
from .engine_process import EngineProcess

_ADDRESS = re.compile(r"[A-Za-z0-9._-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")


@dataclass(frozen=True)
class Farm:
    """Where jobs run that do not run on this computer.

    Attributes
    ----------
    address : str
        ``HOST`` or ``HOST:PORT`` of the scheduler (``farm serve``).
    keys : Path or None
        This machine's folder of ``farm keys``; None: that of ``SJC_FARM_KEYS``, else no encryption, which only a
        scheduler on this machine allows.
    shared : bool
        Whether the workers can access the jobs' folders; otherwise jobs and results travel over the network.
    """

    address: str
    keys: Path | None = None
    shared: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.address, str) or not _ADDRESS.fullmatch(self.address):
            raise SjcError(
                "bad_address",
                f"{self.address!r} is not the address of a farm.",
                "Give HOST or HOST:PORT of its scheduler.",
            )

    @property
    def options(self) -> list[str]:
        """What ``farm run`` is told of it."""
        keys = [] if self.keys is None else ["--keys", str(self.keys)]
        return ["--scheduler", self.address, *keys, *([] if self.shared else ["--not-shared"])]


def farm_of(named: Farm | str | None) -> Farm | None:
    """Return a farm for its address; SjcError ``bad_address``."""
    return named if named is None or isinstance(named, Farm) else Farm(named)


class FarmProcess(EngineProcess):
    """A running sender; made by `connect`. Its jobs go on when it ends."""

    @classmethod
    def connect(cls, interpreter: Path, farm: Farm, log_path: Path) -> Self:
        """Connect to the farm.

        Parameters
        ----------
        interpreter : Path
            The engine's Python, with the packages of ``requirements/farm.txt``.
        farm : Farm
        log_path : Path

        Raises
        ------
        SjcError
            ``engine_not_started``, or as in `atomic_write.file_error` if the log cannot be written.
        """
        # A farm's machines are reached whether or not Blender may use the internet; models are not fetched by it.
        return cls.run_engine(interpreter, ("farm", "run", "--lines", *farm.options), log_path, online=False)

    def give(self, folder: Path) -> None:
        """Have the job in a folder run."""
        self.say(farm_lines.Command(farm_lines.RUN, folder).line)

    def stop_job(self, folder: Path) -> None:
        """Let a job stop after its current step."""
        self.say(farm_lines.Command(farm_lines.CANCEL, folder).line)

    @staticmethod
    def parse(line: str) -> Any:
        """Read a line of ``farm run --lines``."""
        return farm_lines.from_line(line)
