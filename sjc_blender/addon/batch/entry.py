# SPDX-License-Identifier: GPL-3.0-or-later
"""One entry of a batch: the planned job, and the job that runs it. Names and paths only, which survive undo."""

from __future__ import annotations

from dataclasses import dataclass

from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder
from ..jobs.job import Job
from .plan import Planned

DONE = "done"
NOT_IN_SCENE = "not in the scene"
MISSING = "missing"
ELSEWHERE = "busy elsewhere"


@dataclass(eq=False)
class Entry:
    """One job of a batch.

    Attributes
    ----------
    planned : Planned
    way : tuple of float
        From its domain's place to where it stands, along X and Y in world units.
    job : Job or None
        The newest one of this session that makes it.
    trouble : SjcError or None
        Why it could not be started or imported without a job.
    """

    planned: Planned
    way: tuple[float, float]
    job: Job | None = None
    trouble: SjcError | None = None

    @property
    def folder(self) -> JobFolder:
        """The job's folder, which need not exist."""
        return JobFolder(self.planned.folder)

    @property
    def live(self) -> bool:
        """Whether its job runs or waits."""
        return self.job is not None and self.job.live

    @property
    def error(self) -> SjcError | None:
        """Why it failed; None if it did not."""
        return self.trouble or (self.job.trouble if self.job is not None else None)

    @property
    def made(self) -> bool:
        """Whether the job's folder has the job, and its whole result."""
        folder = JobFolder(self.planned.folder)
        return folder.has(folder.spec_path) and folder.is_done(self.planned.outputs)
