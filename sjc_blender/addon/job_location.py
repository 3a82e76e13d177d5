# SPDX-License-Identifier: GPL-3.0-or-later
"""The places of job folders."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import bpy

from .. import __package__ as base_package
from ..protocol.slug import slug

FOLDER = "sjc_jobs"

_in_this_session: dict[Path, None] = {}

INDEXES: list[Callable[[], Iterable[Path]]] = []
"""Functions that return further folders of this user's jobs, outside `jobs_folders`."""


def jobs_folders() -> list[Path]:
    """Return the folders for jobs, the first for new ones: beside the saved .blend, and the add-on's user folder."""
    # While add-ons are registered there is no open file yet: Blender hides bpy.data then.
    blend = getattr(bpy.data, "filepath", "")
    beside = [Path(blend).parent / FOLDER] if blend else []
    return [*beside, _user_folder()]


def first_writable(folders: Sequence[Path]) -> Path:
    """Return the first folder that can be written to, existing or not; the last if there is none.

    A .blend may lie on a share that is only read. To know, one has to try: permissions say little there.
    """
    for folder in folders[:-1]:
        made = not folder.is_dir()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
        finally:
            if made:
                with contextlib.suppress(OSError):
                    folder.rmdir()
    return folders[-1]


def known_folders(job: str) -> Iterator[Path]:
    """Return this user's job folders of this name, those of this session first."""
    indexes: list[Callable[[], Iterable[Path]]] = [lambda: reversed(_in_this_session), *INDEXES]
    return (folder for index in indexes for folder in index() if folder.name == job)


def imported_from(folder: Path) -> None:
    """Remember for this session that a result came from this folder."""
    _in_this_session.pop(folder, None)
    _in_this_session[folder] = None


def new_job_folder(prompt: str) -> Path:
    """Return a path that does not exist yet, in the first of `jobs_folders` that can be written to."""
    parent = first_writable(jobs_folders())
    name = f"{datetime.now():%Y%m%d-%H%M%S}-{slug(prompt)}"
    path, number = parent / name, 1
    while path.exists():
        number += 1
        path = parent / f"{name}-{number}"
    return path


def _user_folder() -> Path:
    try:
        return Path(bpy.utils.extension_path_user(base_package, path="jobs"))
    except ValueError:  # not installed as an extension
        return Path(bpy.utils.user_resource("DATAFILES", path=FOLDER))
