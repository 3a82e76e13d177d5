"""Deletes the folder of a job, and nothing else. Knows no bpy."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from ...protocol import atomic_write
from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder
from .job_history import read_record


def delete_job_folder(path: Path) -> None:
    """Delete what a job has put into its folder, and the folder if nothing else is in it.

    Raises
    ------
    SjcError
        ``no_job`` if it is not a job's folder, ``engine_busy`` if one is at work in it, ``folder_not_writable``.
    """
    folder = JobFolder(path)
    if path.is_symlink() or read_record(path) is None:
        raise SjcError("no_job", f"{path} is not the folder of a job: nothing was deleted.")
    if folder.busy:
        raise SjcError("engine_busy", f"An engine is at work in {path}: nothing was deleted.", "Cancel the job first.")
    files = (
        folder.events_path,
        folder.log_path,
        folder.checkpoint,
        folder.settings_path,
        folder.lock_path,
        # Last, for as long as it is there the rest can be deleted with another try.
        folder.spec_path,
    )
    try:
        for inner in (folder.previews, folder.result):
            if inner.is_dir() and not inner.is_symlink():
                shutil.rmtree(inner)
        for file in files:
            file.unlink(missing_ok=True)
    except OSError as error:
        raise atomic_write.file_error(error, path) from error
    with contextlib.suppress(OSError):  # someone has put something of his own into it
        path.rmdir()
