# SPDX-License-Identifier: GPL-3.0-or-later
"""Export of results as they are in the scene, with modifiers, materials and edits."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import bpy

from ...protocol.atomic_write import atomic_files, file_error
from ...protocol.errors import SjcError
from ...protocol.home import expanded
from ...protocol.outside_file import is_file, is_there
from ..window_events import a_window_in_context
from .export_mesh import MESH_FORMATS, write_mesh
from .export_usd import USD_FORMATS, whole_result, write_usd
from .vdb_file import digest_of, file_of

VOLUME_FORMATS = (".vdb",)


def formats_of(obj: bpy.types.Object) -> tuple[str, ...]:
    """Return the file suffixes that an object can be exported to; empty for neither a mesh nor a Volume."""
    return {"MESH": MESH_FORMATS + USD_FORMATS, "VOLUME": VOLUME_FORMATS + USD_FORMATS}.get(obj.type, ())


def export_result(obj: bpy.types.Object, path: str | Path) -> Path:
    """Write a result to a file; its suffix determines the format.

    Parameters
    ----------
    obj : Object, its name, or its job
        A mesh for ``.glb``, ``.ply``, ``.obj`` and ``.stl``, written by Blender's own exporters with modifiers
        applied and, but for STL, colours; an STL is in millimetres and of a closed surface. A Volume for ``.vdb``, a
        copy of its file, in the Volume's own space. Either for ``.usdc``, ``.usda`` and ``.usd``: with the other one
        of the two, unseen, if it is hidden in the same place, and the .vdb beside it.
    path : str or Path
        May begin with ``//``: beside the .blend. A file that is there is replaced once the new one is whole;
        folders that are not there are made.

    Returns
    -------
    Path
        Absolute.

    Raises
    ------
    SjcError
        ``unknown_format``, ``not_exported``, ``not_closed``, ``folder_not_writable``, ``disk_full``.
    """
    target = expanded(bpy.path.abspath(str(path))).absolute()
    ending = target.suffix.lower()
    if ending not in formats_of(obj):
        allowed = ", ".join(formats_of(obj)) or "a mesh or a Volume, which this is not"
        raise SjcError(
            "unknown_format",
            f"{obj.name!r} ({obj.type.lower()}) cannot be written as {target.name!r}; possible: {allowed}.",
        )
    if ending in VOLUME_FORMATS:
        if not _is_file_of(obj, target):
            with atomic_files(target) as temporary:
                _copy_grids(obj, temporary)
        return target
    with contextlib.ExitStack() as stack:
        objects = stack.enter_context(whole_result(obj)) if ending in USD_FORMATS else [obj]
        stack.enter_context(_alone_selected(objects))
        temporary = stack.enter_context(atomic_files(target))
        try:
            with a_window_in_context():
                if ending in USD_FORMATS:
                    write_usd(objects, temporary, _grids_beside(objects, temporary))
                else:
                    write_mesh(obj, temporary)
        except (RuntimeError, AttributeError) as error:
            raise _refusal(error, target) from error
    return target


def _grids_beside(objects: Sequence[bpy.types.Object], target: Path) -> Path | None:
    """Copy the .vdb of a Volume among the objects beside `target`, named by its digest; None without one."""
    for obj in objects:
        if obj.type == "VOLUME":
            copied = target.with_name("grids.vdb")
            _copy_grids(obj, copied)
            return copied.rename(target.with_name(f"{target.stem}-{digest_of(copied)}.vdb"))
    return None


def _is_file_of(obj: bpy.types.Object, target: Path) -> bool:
    assert isinstance(obj.data, bpy.types.Volume)
    source = file_of(obj.data)
    return is_file(source) and is_there(target) and target.samefile(source)


def _copy_grids(obj: bpy.types.Object, target: Path) -> None:
    volume = obj.data
    assert isinstance(volume, bpy.types.Volume)
    source = file_of(volume)
    if volume.packed_file is not None:
        target.write_bytes(volume.packed_file.data)
        return
    if not is_file(source):
        raise SjcError(
            "not_exported", f"The file of {obj.name!r} is not there any more: {source}.", "Import the result again."
        )
    shutil.copyfile(source, target)


@contextlib.contextmanager
def _alone_selected(objects: Sequence[bpy.types.Object]) -> Iterator[None]:
    """Select only these objects temporarily, as Blender's exporters write the selection."""
    view_layer = bpy.context.view_layer
    assert view_layer is not None
    for obj in objects:
        if obj.name not in view_layer.objects or not obj.visible_get():
            raise SjcError(
                "not_exported", f"{obj.name!r} is hidden, or in another view layer.", "Show it, then export it again."
            )
    before, active = list(view_layer.objects.selected), view_layer.objects.active
    try:
        for other in before:
            other.select_set(False)
        for obj in objects:
            obj.select_set(True)
        view_layer.objects.active = objects[0]
        yield
    finally:
        for obj in objects:
            obj.select_set(False)
        for other in before:
            other.select_set(True)
        view_layer.objects.active = active


def _refusal(error: Exception, target: Path) -> SjcError:
    """Return why an exporter failed: those in Python name an error of the system in their traceback only."""
    number = re.search(r"\[Errno (\d+)\]", str(error))
    if number:
        return file_error(OSError(int(number[1]), os.strerror(int(number[1]))), target)
    lines = [line for line in str(error).splitlines() if line.strip() and not line.startswith("Location:")]
    reason = lines[-1].strip() if lines else type(error).__name__
    return SjcError("not_exported", f"Blender could not write {target}: {reason}")
