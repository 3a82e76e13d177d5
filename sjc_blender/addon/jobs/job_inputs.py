# SPDX-License-Identifier: GPL-3.0-or-later
"""The input files of a job, written to its folder before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...protocol.job_folder import JobFolder
from ..rigs.guide import GuideMesh
from ..rigs.proxy import FilledGrid
from .seen_picture import SeenPicture
from .shared_file import share


@dataclass(frozen=True)
class JobInputs:
    """Input files of a job; their digests are in its spec.

    Attributes
    ----------
    proxy : FilledGrid or None
        The coarse shape to keep to.
    guide : GuideMesh, Path or None
        The triangles whose shape steers the model, or the file of another job that holds them.
    picture : SeenPicture, Path or None
        What the model sees beside the prompt, or the file of another job that holds it.
    origin : Path or None
        Checkpoint of the job whose field is the start.
    region : FilledGrid or None
        Where that field may change.
    further_notes : tuple of str
        What else the user should know, in sentences.
    """

    proxy: FilledGrid | None = None
    guide: GuideMesh | Path | None = None
    picture: SeenPicture | Path | None = None
    origin: Path | None = None
    region: FilledGrid | None = None
    further_notes: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Messages for the user."""
        made = (self.proxy, self.guide, self.region)
        told = tuple(note for one in made if isinstance(one, (FilledGrid, GuideMesh)) for note in one.notes)
        return told + self.further_notes

    def lay(self, folder: JobFolder) -> None:
        """Write them into a folder that `JobFolder.create` has made; SjcError if that cannot be done."""
        files = (
            (self.proxy, folder.proxy),
            (self.guide, folder.guide),
            (self.picture, folder.picture),
            (self.region, folder.region),
            (self.origin, folder.origin),
        )
        for content, path in files:
            if content is None or folder.has(path):
                continue
            if isinstance(content, Path):
                share(content, folder.to_write(path))
            else:
                content.write(folder.to_write(path))
