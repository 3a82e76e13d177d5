# SPDX-License-Identifier: GPL-3.0-or-later
"""The question before a job that the user did not start is used."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty

from ....protocol.errors import SjcError
from ....protocol.job_folder import JobFolder
from ... import api
from ...jobs import unknown_jobs
from .action import confirm

REASON = "This job was not begun by you, as far as this computer knows"


class AsksAboutUnknownJobs:
    """A mix-in for operators that ask before they use a job of another user."""

    agreed: BoolProperty(name="Agreed", description="The user has agreed to the job", options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return self.ask(context, event, self.folder)  # type: ignore[attr-defined]  # the operator's

    def doubt(self, folder: str | Path) -> str:
        """Return the question in two sentences; empty for the user's own job, and for a missing one (see `execute`)."""
        job = JobFolder(Path(folder))
        try:
            return "" if unknown_jobs.is_known(job) else f"{REASON}: {unknown_jobs.about(job)}."
        except SjcError:
            return ""

    def ask(self, context: bpy.types.Context, event: bpy.types.Event, folder: str | Path) -> set[str]:
        """Ask about an unknown job; execute at once for a known one."""
        doubt = self.doubt(folder)
        if not doubt:
            return self.execute(context)  # type: ignore[attr-defined, no-any-return]  # the operator's
        self.agreed = True
        return confirm(
            self,
            context,
            event,
            "Use this job?",
            f"{doubt}\nIts model will be loaded. Agree only if you know where it comes from.",
            "Use It",
            warning=True,
        )

    def settle(self, folder: str | Path) -> None:
        """Record that the user has agreed."""
        if self.agreed:
            api.agree(folder)
