# SPDX-License-Identifier: GPL-3.0-or-later
"""Continuing a job: a new job that starts at the old one's checkpoint. Knows no bpy."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder, engine_busy
from .shared_file import share


def continued(source: JobFolder, steps: int, path: Path) -> JobFolder:
    """Create a job with `steps` more steps than the one in `source`, which is not changed.

    Noise levels and late losses keep what they came to at the end of the first job
    (see `sjc_blender.protocol.spec.scheduled`).

    Parameters
    ----------
    steps : int
        How many more, 1 or more.
    path : Path
        Of the new folder.

    Raises
    ------
    SjcError
        ``no_checkpoint`` if there is nothing to begin at, ``engine_busy`` in the `source`, ``invalid_spec``,
        ``bad_steps``, or as `JobFolder.create`.
    """
    if steps < 1:
        raise SjcError("bad_steps", f"{steps} more steps are none.", "Give 1 or more.")
    spec = source.read_spec()
    if source.busy:
        raise engine_busy(source)
    if not source.has(source.checkpoint):
        raise SjcError(
            "no_checkpoint",
            f"{source.path} has no checkpoint to go on from.",
            "Run the job again with more steps instead.",
        )
    o = spec.optimisation
    longer = dataclasses.replace(o, steps=o.steps + steps, schedule_steps=o.schedule_steps or o.steps)
    folder = JobFolder.create(path, dataclasses.replace(spec, optimisation=longer))
    for old, new in zip(source.to_continue, folder.to_continue, strict=True):
        if source.has(old):
            share(old, folder.to_write(new))
    return folder
