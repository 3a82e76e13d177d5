# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job starts from beside its settings: files that are laid into its folder before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...protocol.job_folder import JobFolder
from ..rigs.proxy import FilledGrid
from .shared_file import share


@dataclass(frozen=True)
class JobInputs:
    """Files for a job's folder; their digests are in its spec.

    Attributes
    ----------
    proxy : FilledGrid or None
        The coarse shape to keep to.
    origin : Path or None
        Checkpoint of the job whose field is the start.
    region : FilledGrid or None
        Where that field may change.
    """

    proxy: FilledGrid | None = None
    origin: Path | None = None
    region: FilledGrid | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know, in sentences."""
        return tuple(note for grid in (self.proxy, self.region) if grid is not None for note in grid.notes)

    def lay(self, folder: JobFolder) -> None:
        """Write them into a folder that `JobFolder.create` has made; SjcError if that cannot be done."""
        for grid, path in ((self.proxy, folder.proxy), (self.region, folder.region)):
            if grid is not None and not folder.has(path):
                grid.write(folder.to_write(path))
        if self.origin is not None and not folder.has(folder.origin):
            share(self.origin, folder.to_write(folder.origin))
