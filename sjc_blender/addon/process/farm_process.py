# SPDX-License-Identifier: GPL-3.0-or-later
"""A farm's sender as a child process: it submits jobs to the scheduler and passes on their events."""

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
    """A farm that runs jobs.

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
        if not (self.keys is None or isinstance(self.keys, (str, Path))) or not isinstance(self.shared, bool):
            raise SjcError(
                "bad_usage",
                f"The farm {self.address} has keys={repr(self.keys)[:80]} and shared={repr(self.shared)[:80]}.",
                "Give the folder of its keys as a path or None, and for shared True or False.",
            )

    @property
    def options(self) -> list[str]:
        """Options of ``farm run``."""
        keys = [] if self.keys is None else ["--keys", str(self.keys)]
        return ["--scheduler", self.address, *keys, *([] if self.shared else ["--not-shared"])]


def farm_of(named: Farm | str | None) -> Farm | None:
    """Return a farm for its address; SjcError ``bad_address``."""
    return named if named is None or isinstance(named, Farm) else Farm(named)


class FarmProcess(EngineProcess):
    """A running sender; made by `connect`. Its jobs continue when it ends."""

    @classmethod
    def connect(cls, interpreter: Path, farm: Farm, log_path: Path) -> Self:
        """Connect to the farm.

        Parameters
        ----------
        interpreter : Path
            The engine's Python, with the packages of ``requirements/farm.txt``.

        Raises
        ------
        SjcError
            ``engine_not_started``, or as in `atomic_write.file_error` if the log cannot be written.
        """
        # A farm's machines are reached whether or not Blender may use the internet; models are not fetched by it.
        return cls.run_engine(interpreter, ("farm", "run", "--lines", *farm.options), log_path, online=False)

    def give(self, folder: Path) -> None:
        """Submit the job in a folder."""
        self.say(farm_lines.Command(farm_lines.RUN, folder).line)

    def stop_job(self, folder: Path) -> None:
        """Stop a job after its current step."""
        self.say(farm_lines.Command(farm_lines.CANCEL, folder).line)

    @staticmethod
    def parse(line: str) -> Any:
        """Read a line of ``farm run --lines``."""
        return farm_lines.from_line(line)
