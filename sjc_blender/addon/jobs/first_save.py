"""When a file is saved for the first time, the grids of its results move in beside it."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import bpy

from ...protocol import atomic_write
from ...protocol.errors import SjcError
from ..results.import_volume import SUBFOLDER
from ..results.placement import JOB_PROPERTY


def bring_along(target: str) -> None:
    """Copy the .vdb files of results into the folder ``sjc`` beside `target`, and refer to the copies.

    Only if the open file was never saved: until then they lie in their jobs' folders, which may be
    deleted and do not travel with the .blend. Blender itself makes the paths relative as it saves. What
    cannot be copied stays where it is and is referred to there: saving goes first.

    Parameters
    ----------
    target : str
        The .blend that is about to be written.
    """
    if bpy.data.filepath or not target:
        return
    folder = Path(target).parent / SUBFOLDER
    for volume in _results():
        with contextlib.suppress(OSError, SjcError):
            volume.filepath = str(_copied(Path(volume.filepath), folder))


def _results() -> list[bpy.types.Volume]:
    """Volumes of results that refer to a file by its whole path."""
    used = [obj.data for obj in bpy.data.objects if obj.get(JOB_PROPERTY) and isinstance(obj.data, bpy.types.Volume)]
    return [volume for volume in dict.fromkeys(used) if volume.library is None and Path(volume.filepath).is_file()]


def _copied(source: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path, number = folder / source.name, 1
    while path.exists():
        number += 1
        path = folder / f"{source.stem}-{number}{source.suffix}"
    with atomic_write.atomic_path(path) as temporary:
        shutil.copyfile(source, temporary)
    return path
