# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs that the user's index does not know, such as one beside a .blend that came from somebody else.

They are shown, and their results can be imported. But a job names the model that its engine loads, so none is resumed,
continued, edited or recalled before the user has agreed to it.
"""

from __future__ import annotations

from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder
from . import job_queue, known_jobs

LONGEST = 200
"""Characters of a prompt, or of a model's name, in a question."""


def is_known(folder: JobFolder) -> bool:
    """Return whether this user started the job, wherever it was moved or copied since, or has agreed to it."""
    here = folder.path.absolute()
    in_session = any(job.folder.path.absolute() == here for job in job_queue.QUEUE.jobs)
    index = known_jobs.index()
    return in_session or here in index.entries() or index.has_settings_of(here)


def require_known(folder: JobFolder) -> None:
    """Refuse a job that this user has neither started nor agreed to.

    Raises
    ------
    SjcError
        ``unknown_job``; as `JobFolder.read_spec`.
    """
    if not is_known(folder):
        raise SjcError(
            "unknown_job",
            f"Not started by you, according to this computer: {about(folder)}.",
            "If you know where it comes from: Resume in the panel's History asks; in Python, api.agree(folder) first; "
            "on the command line, --agree.",
        )


def about(folder: JobFolder) -> str:
    """Return what the user needs to know before agreeing to a job: prompt, model and folder."""
    spec = folder.read_spec()
    prompt, model = spec.prompt[:LONGEST], spec.model.source[:LONGEST]
    return f"the job {prompt!r} with the model {model!r} in {folder.path}"
