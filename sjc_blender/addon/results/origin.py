# SPDX-License-Identifier: GPL-3.0-or-later
"""The job of a result in the scene: its folder and its objects."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

from ...protocol import codec, plain_files
from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder
from ..job_location import jobs_folders, known_folders
from ..kept_values import kept_text
from .placement import FOLDER_PROPERTY, job_of, remember_folder


def named_object(source: Any, *types: str) -> bpy.types.Object:
    """Return the object that a caller names.

    Parameters
    ----------
    source : Object, its name, or whatever has a job's `folder`
        Of a job: the object that was made of it.
    *types : str
        Accepted types of a job's objects, in order of preference, such as ``"MESH"``; none: mesh, then Volume.

    Raises
    ------
    SjcError
        ``unknown_object``.
    """
    if isinstance(source, bpy.types.Object):
        try:
            source.name  # noqa: B018  # raises for one that was deleted
        except ReferenceError as error:
            raise SjcError("unknown_object", "The object was deleted.", "Look it up again.") from error
        return source
    folder = getattr(source, "folder", None)
    job = folder.path.name if isinstance(folder, JobFolder) else None
    for kind in types or ("MESH", "VOLUME"):
        for obj in bpy.data.objects if job is not None else ():
            if obj.type == kind and job_of(obj) == job:
                return obj
    found = bpy.data.objects.get(source) if isinstance(source, str) else None
    if found is None:
        what = f"the job {job!r}" if job is not None else repr(source)[:80]
        raise SjcError(
            "unknown_object",
            f"There is no object of {what} in this file.",
            "Name an object, or import the job's result.",
        )
    return found


def require_own(obj: bpy.types.Object, *, data: bool = False) -> bpy.types.Object:
    """Return an object of this file; SjcError ``linked_object`` for one that another file has, which is changed there.

    Parameters
    ----------
    obj : Object
    data : bool
        Whether its mesh or Volume is changed too: that of a library override is linked.
    """
    owner = obj.library or (obj.data.library if data and obj.data is not None else None)
    if owner is not None:
        raise SjcError(
            "linked_object",
            f"{obj.name!r} is linked from {owner.filepath}: what is changed here would be lost.",
            "Change it in that file, or make it local (Object > Relations > Make Local > Selected Objects and Data).",
        )
    return obj


def is_result(obj: bpy.types.Object | None) -> bool:
    """Return whether an object is the Volume or the mesh of a job."""
    return obj is not None and obj.type in {"MESH", "VOLUME"} and bool(job_of(obj))


def job_folder_of(obj: bpy.types.Object) -> JobFolder:
    """Find the folder of the job that a result came from, also where it was moved together with the .blend.

    Raises
    ------
    SjcError
        ``not_a_result`` for any other object, ``result_folder_missing`` if the folder is not there any more.
    """
    if not is_result(obj):
        raise SjcError(
            "not_a_result", f"{obj.name!r} is neither a Volume nor a mesh of a job.", "Choose an imported result."
        )
    job = job_of(obj)
    places = list(dict.fromkeys(_places(obj, job)))
    for place in places:
        if plain_files.kind_of(place / "result") == "a folder":
            return JobFolder(place)
    raise SjcError(
        "result_folder_missing",
        f"The folder of the job {job!r} is not there any more{f': {places[0]}' if places else ''}.",
        "Put it back, or into a folder sjc_jobs beside the saved .blend. The object is whole without it.",
    )


def keep_folders(target: str) -> None:
    """Store in every result the path of its job's folder relative to `target`, which is about to be saved."""
    for obj in bpy.data.objects:
        if obj.library is not None or not is_result(obj):
            continue
        with contextlib.suppress(SjcError):
            remember_folder(obj, job_folder_of(obj).path, target)


def _places(obj: bpy.types.Object, job: str) -> Iterator[Path]:
    """Yield possible places of a job's folder; those relative to the object's file first, for copied projects."""
    told = kept_text(obj, FOLDER_PROPERTY)
    if told.startswith("//"):
        yield Path(os.path.realpath(bpy.path.abspath(told, library=obj.library)))
    *beside, users = jobs_folders()
    yield from (parent / job for parent in beside)
    yield from (folder for folder in [*known_folders(job), users / job] if _holds(folder, obj))
    if told and not told.startswith(("//", "\\\\")):  # as early releases wrote it; never on another computer
        yield Path(told)


def _holds(folder: Path, obj: bpy.types.Object) -> bool:
    """Return whether a folder has the job of a result, and not another job of the same name."""
    try:
        return codec.encode(JobFolder(folder).read_spec()) == json.loads(str(obj.get("sjc_settings")))
    except (SjcError, OSError, ValueError, RecursionError):
        return False


def mesh_of(obj: bpy.types.Object) -> bpy.types.Object | None:
    """Return the mesh of a result: itself, or one of the same job."""
    if obj.type == "MESH":
        return obj
    job = job_of(obj)
    others = (other for other in bpy.data.objects if other.type == "MESH" and job_of(other) == job)
    return next(others, None)
