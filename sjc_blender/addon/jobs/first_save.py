# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies the grids of results from their job folders to the folder of a .blend that is saved."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import bpy

from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder
from ..results.import_volume import SUBFOLDER
from ..results.placement import job_of
from ..results.vdb_file import copy_vdb


def bring_along(target: str) -> None:
    """Copy the .vdb files of results into the folder ``sjc`` beside `target`, and refer to the copies.

    Those that lie in their jobs' folders, which may be deleted and do not travel with the .blend, because the
    open file was never saved or came from where nothing may be written. Blender itself makes the paths
    relative as it saves. What cannot be copied stays where it is and is referred to there: saving goes first.

    Parameters
    ----------
    target : str
        The .blend that is about to be written.
    """
    if not target:
        return
    folder = Path(target).parent / SUBFOLDER
    for volume, job in _results():
        with contextlib.suppress(OSError, SjcError):
            volume.filepath = str(copy_vdb(job.path, Path(volume.filepath), folder))


def _results() -> Iterator[tuple[bpy.types.Volume, JobFolder]]:
    """Volumes that refer to a file that was written for one into a job's folder, and that folder.

    Any other file stays where it is, whatever an object says of itself: a .blend may come from a stranger.
    """
    used = [obj.data for obj in bpy.data.objects if job_of(obj) and isinstance(obj.data, bpy.types.Volume)]
    for volume in dict.fromkeys(used):
        path = Path(volume.filepath)
        job = JobFolder(path.parent.parent)
        if volume.library is None and path.parent == job.field.parent and job.is_volume(path.name):
            yield volume, job
