# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending a job folder to a machine that does not share the disk, and its result back."""

from __future__ import annotations

from pathlib import Path

from ..protocol import atomic_write
from ..protocol.errors import SjcError
from ..protocol.job_folder import JobFolder

LARGEST = 2_000_000_000
"""Bytes of one file; a field of 512 voxels a side takes less."""

Files = dict[str, bytes]
"""Content by the path inside the folder, with forward slashes."""


def packed_job(folder: JobFolder) -> Files:
    """Return the files that a job needs on another machine: its spec and its inputs, not its checkpoint."""
    return _packed(folder, (*folder.inputs, folder.spec_path))


def packed_result(folder: JobFolder) -> Files:
    """Return the files of an ended job: results, events, log, and the checkpoint for continuing or editing it."""
    return _packed(folder, (*folder.results.values(), folder.checkpoint, folder.events_path, folder.log_path))


def _packed(folder: JobFolder, paths: tuple[Path, ...]) -> Files:
    return {folder.relative(path): folder.read(path, LARGEST) for path in paths if folder.has(path)}


def unpack_job(files: Files, folder: JobFolder) -> None:
    """Write a job's files to `folder`; those already there are kept.

    Raises
    ------
    SjcError
        ``bad_job_file`` for names that are none of a job's, ``folder_in_use``, or as of `JobFolder.to_write`.
    """
    allowed = {folder.relative(path): path for path in (*folder.inputs, folder.spec_path)}
    _unpack(files, folder, allowed)


def unpack_result(files: Files, folder: JobFolder) -> None:
    """Write a result to `folder`, with the file that marks it as complete last; errors as of `unpack_job`."""
    own = (folder.checkpoint, folder.events_path, folder.log_path, *folder.results.values())
    _unpack(files, folder, {folder.relative(path): path for path in own})


def _unpack(files: Files, folder: JobFolder, allowed: dict[str, Path]) -> None:
    foreign = sorted(set(files) - set(allowed))
    if foreign:
        raise SjcError("bad_job_file", f"A machine of the farm sent {foreign[0]!r}, which is no file of a job.")
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise atomic_write.file_error(error, folder.path) from error
    folder.make_folders()
    # In the order of `allowed`, in which the file that marks the result as complete is the last.
    for name, path in allowed.items():
        if name in files:
            with atomic_write.atomic_path(folder.to_write(path)) as temporary:
                temporary.write_bytes(files[name])
