# SPDX-License-Identifier: GPL-3.0-or-later
"""Grids of results that lie in another project, as after an append or *Save As*, come in beside the open .blend."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import bpy

from ...protocol import plain_files
from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder
from .import_volume import SUBFOLDER
from .placement import job_of
from .vdb_file import STORED_NAME, copy_vdb, digest_of, file_of


@dataclass(frozen=True)
class BroughtFiles:
    """What was done with the grids of results.

    Attributes
    ----------
    files : tuple of Path
        Those that lie beside the open .blend now and are used by Volumes that used others before.
    left : dict of str to str
        Of every Volume object that still uses a file elsewhere, by its name: why.
    """

    files: tuple[Path, ...]
    left: dict[str, str]


def bring_files_here() -> BroughtFiles:
    """Copy the .vdb files of results that lie in other projects into ``sjc`` beside the open .blend, and use those.

    A Volume that was appended from another project, or saved into another folder, still uses the file there, and is
    empty when that project is moved or deleted. Only files that this extension has written are copied. What is linked
    belongs to its own file, and is left alone.

    Raises
    ------
    SjcError
        ``not_saved_yet``, ``folder_not_writable``, ``disk_full``.
    """
    if not bpy.data.filepath:
        raise SjcError(
            "not_saved_yet", "The open file was never saved, so nothing can lie beside it.", "Save the file first."
        )
    folder = Path(bpy.data.filepath).parent / SUBFOLDER
    files: list[Path] = []
    left: dict[str, str] = {}
    for obj in bpy.data.objects:
        if not is_elsewhere(obj):
            continue
        volume: bpy.types.Volume = obj.data  # type: ignore[assignment]  # `is_elsewhere` has looked
        if volume.library is not None:
            left[obj.name] = f"linked from {volume.library.filepath}; bring its files there, or make it local first"
            continue
        source = file_of(volume)
        try:
            path = copy_vdb(_root_of(source), source, folder)
        except SjcError as error:
            if error.code in {"folder_not_writable", "disk_full"}:
                raise
            left[obj.name] = error.message
            continue
        except OSError as error:
            left[obj.name] = f"{source} cannot be read ({error.strerror or error})"
            continue
        volume.filepath = bpy.path.relpath(str(path))
        files.append(path)
    return BroughtFiles(tuple(dict.fromkeys(files)), left)


def is_elsewhere(obj: bpy.types.Object | None) -> bool:
    """Whether the grids of a result lie outside of the open .blend's folder, by their path alone; no disk is read."""
    if obj is None or obj.type != "VOLUME" or not job_of(obj) or not bpy.data.filepath:
        return False
    home = os.path.dirname(bpy.data.filepath)  # noqa: PTH120  # drawn many times a second
    path = str(file_of(obj.data))  # type: ignore[arg-type]
    return bool(path) and not os.path.normcase(path).startswith(os.path.normcase(os.path.join(home, "")))  # noqa: PTH118


def _root_of(source: Path) -> Path:
    """Return the folder out of which a file may be copied; SjcError ``not_a_volume`` where it is not one of ours.

    A .blend may come from a stranger, and name any file: ours are those that a job's folder lists, and those in a
    folder ``sjc`` whose names tell their contents.
    """
    job = JobFolder(source.parent.parent)
    if source.parent == job.field.parent and job.is_volume(source.name):
        return job.path
    named = STORED_NAME.fullmatch(source.name)
    if source.parent.name == SUBFOLDER and named is not None and plain_files.kind_of(source) == "a file":
        if plain_files.is_plain(source.parent, source) and digest_of(source) == named["digest"]:
            return source.parent
    elif not os.path.lexists(source):
        raise SjcError("not_a_volume", f"{source} is not there any more.", "Import the result again.")
    raise SjcError("not_a_volume", f"{source} is no file that SJC has written.", "Move it by hand.")
