# SPDX-License-Identifier: GPL-3.0-or-later
"""The job folder of a command: one that is named, or one of those in a folder, by its number."""

from __future__ import annotations

import argparse
from pathlib import Path

from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder


def add_job_choice(parser: argparse.ArgumentParser) -> None:
    """Add the folder and ``--index``."""
    parser.add_argument("folder", type=Path, metavar="JOB_DIR")
    parser.add_argument(
        "--index", type=int, metavar="N", help="JOB_DIR contains job folders: use the N-th by name, counted from 0"
    )


def chosen_job(arguments: argparse.Namespace) -> JobFolder:
    """Return the job's folder; SjcError ``no_job`` if there is none of that number."""
    if arguments.index is None:
        return JobFolder(arguments.folder)
    folder: Path = arguments.folder
    try:
        jobs = sorted(path for path in folder.iterdir() if JobFolder(path).has(JobFolder(path).spec_path))
    except OSError as error:
        raise SjcError("no_job", f"{folder} cannot be read: {error.strerror or error}.", "Name a folder.") from error
    if not 0 <= arguments.index < len(jobs):
        allowed = f"allowed: 0 to {len(jobs) - 1}" if jobs else "there is none"
        raise SjcError("no_job", f"{folder} has no job folder of index {arguments.index}; {allowed}.")
    return JobFolder(jobs[arguments.index])
