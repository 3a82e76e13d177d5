"""The field of the running job as a coarse Volume in its scene, while the object forms.

It is a guest in the user's file: it makes no undo step, is taken out before the file is saved and when
its job ends, and is swept away where an undo step that was made meanwhile brings it back. It cannot be
selected and is in no render.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import bpy
from mathutils import Matrix

from ...protocol.errors import SjcError
from ..results import materials, result_files, vdb_file
from . import job_import, job_queue
from .job_queue import Job, JobState

NAME = "SJC live"
MARK = "sjc_live"
"""Custom property of the object: the id of its job."""

enabled = True
"""Whether the user wants to see it; see `sjc_blender.addon.ui.session_properties`."""

_shown: tuple[str, int] | None = None
"""Id and step of what the scene shows."""

_number = 0
_folder: tempfile.TemporaryDirectory[str] | None = None


def update() -> None:
    """Let the scene show the newest live field of the running job, and nothing of any other.

    Nothing is touched while a picture renders or the user is in another mode than Object Mode.
    """
    global _shown
    job = _running() if enabled and not bpy.app.background else None
    wanted = (job.id, job.live_field.step) if job is not None and job.live_field is not None else None
    if wanted == _shown or job_import.busy():
        return
    if wanted is None or job is None:
        remove()
    else:
        show(job)
        _shown = wanted


def show(job: Job) -> None:
    """Bring what the job's engine wrote last into the job's scene.

    A field that cannot be read, or a scene that is not there, is passed over: the next one comes soon.
    """
    scene = bpy.data.scenes.get((job.scene_name, None))
    if scene is None or job.live_field is None:
        return
    path = _next_path()
    try:
        field = result_files.read_field_at(job.folder.path / job.live_field.path)
        if not field.density.any():
            return
        vdb_file.write_vdb(field, path)
    except SjcError:
        return
    volume = _volume(job, scene)
    old = volume.filepath
    # Always another path: Blender keeps the grids of a path that it has read.
    volume.filepath = str(path)
    if old:
        _unlink(old)


def remove() -> None:
    """Take it out of the file, also where undo, redo or a load brought it back; `update` shows it again."""
    global _shown
    _shown = None
    for obj in [obj for obj in bpy.data.objects if obj.get(MARK) and obj.library is None]:
        _remove(obj)


def end() -> None:
    """Remove it and its files."""
    global _folder
    remove()
    if _folder is not None:
        with contextlib.suppress(OSError):
            _folder.cleanup()
        _folder = None


def _running() -> Job | None:
    states = {JobState.RUNNING, JobState.PAUSED, JobState.CANCELLING}
    return next((job for job in job_queue.QUEUE.jobs if job.state in states), None)


def _volume(job: Job, scene: bpy.types.Scene) -> bpy.types.Volume:
    """The Volume that is there already, or a new one in place of another job's."""
    for obj in scene.collection.objects:
        if obj.get(MARK) == job.id and isinstance(obj.data, bpy.types.Volume):
            return obj.data
    remove()
    volume = bpy.data.volumes.new(NAME)
    volume.render.space = "OBJECT"
    volume.materials.append(materials.radiance_material(NAME))
    obj = bpy.data.objects.new(NAME, volume)
    obj[MARK] = job.id
    obj.hide_select = True
    obj.hide_render = True
    obj.matrix_world = Matrix(job.spec.domain.matrix_world)
    scene.collection.objects.link(obj)
    return volume


def _remove(obj: bpy.types.Object) -> None:
    volume = obj.data
    bpy.data.objects.remove(obj)
    if not isinstance(volume, bpy.types.Volume):
        return
    used = [material for material in volume.materials if material is not None]
    path = volume.filepath
    bpy.data.volumes.remove(volume)
    for material in used:
        if material.users == 0:
            bpy.data.materials.remove(material)
    _unlink(path)


def _unlink(path: str) -> None:
    with contextlib.suppress(OSError):  # Windows deletes nothing that is open; the folder goes at the end
        Path(path).unlink(missing_ok=True)


def _next_path() -> Path:
    global _folder, _number
    if _folder is None:
        _folder = tempfile.TemporaryDirectory(prefix="sjc-live-", ignore_cleanup_errors=True)
    _number += 1
    return Path(_folder.name) / f"live-{_number}.vdb"
