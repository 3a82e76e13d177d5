# SPDX-License-Identifier: GPL-3.0-or-later
"""The field of the running job as a coarse Volume in its scene, while the object forms.

It is not part of the user's file: it makes no undo step, is removed before the file is saved and when
its job ends, and is removed again if an undo step from meanwhile brings it back. It cannot be
selected and is in no render.
"""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import bpy
from mathutils import Matrix

from ...protocol import events
from ...protocol.errors import SjcError
from ..results import materials, result_files, vdb_file, viewport_colours
from ..results.object_frame import ObjectFrame
from ..window_events import join_local_views
from . import job_import, job_queue, live_files
from .job import Job

NAME = "SJC live"
MARK = "sjc_live"
"""Custom property of the object: the id of its job."""

enabled = True
"""Whether the user wants to see it; see `sjc_blender.addon.ui.job.session_properties`."""

_shown: tuple[str, int] | None = None
"""Id and step of what the scene shows."""

_coming: _Grids | None = None
"""What it is to show next, while that is written."""

_warm: list[threading.Thread] = []
"""Imports openvdb beside the main thread while the model loads."""


class _Grids(threading.Thread):
    """Writes the .vdb of a live field beside the main thread; `path` is None if there is nothing to see."""

    def __init__(self, job: Job, live: events.LiveField) -> None:
        super().__init__(name="SJC live volume", daemon=True)
        self.key = (job.id, live.step)
        self.path: Path | None = None
        self.display_density = 1.0
        self._source = job.folder.live_field
        self._target = live_files.next_path()
        # Asks Blender, which only the main thread may.
        vdb_file.shown_shift()

    def run(self) -> None:
        """Read, and write; what cannot be read is passed over, for the next one comes soon."""
        with contextlib.suppress(SjcError, OSError, RuntimeError):  # the last is what openvdb raises
            field = result_files.read_field_at(self._source)
            if field.density.any():
                vdb_file.write_vdb(field, self._target, ObjectFrame())
                self.display_density = vdb_file.display_density(field.density)
                self.path = self._target


def update() -> None:
    """Show the newest live field of the running job in its scene.

    Nothing is touched while a picture renders or the user is in another mode than Object Mode.
    """
    global _shown, _coming
    job = job_queue.QUEUE.active if enabled and _in_window() else None
    live = job.live_field if job is not None and not job.imported else None
    viewport_colours.an_object_forms(live is not None)
    if job_import.busy() or (_coming is not None and _coming.is_alive()):
        return
    if job is None or live is None:
        if _shown is not None:
            remove()
        if job is not None and not _warm:
            _warm.append(threading.Thread(target=vdb_file.import_openvdb, daemon=True))
            _warm[0].start()
        return
    if _coming is not None:
        ready, _coming = _coming, None
        if ready.key[0] == job.id:
            put(job, ready.path, ready.display_density)
            _shown = ready.key
    elif _shown != (job.id, live.step):
        _coming = _Grids(job, live)
        _coming.start()


def put(job: Job, path: Path | None, display_density: float) -> None:
    """Show the grids at `path` in the job's scene; without either, nothing changes."""
    scene = job.destination.scene() if job.destination is not None else None
    if scene is None or path is None:
        return
    volume = _volume(job, scene)
    old = volume.filepath
    # Always another path: Blender keeps the grids of a path that it has read.
    volume.filepath = str(path)
    volume.display.density = display_density
    live_files.retire(old)


def remove() -> None:
    """Remove it from the file, also where undo, redo or a load brought it back; `update` shows it again."""
    global _shown, _coming
    _shown = _coming = None
    for obj in [obj for obj in bpy.data.objects if obj.get(MARK) and obj.library is None]:
        _remove(obj)


def end() -> None:
    """Remove it and its files."""
    remove()
    live_files.end()


def _in_window() -> bool:
    return not bpy.app.background


def _volume(job: Job, scene: bpy.types.Scene) -> bpy.types.Volume:
    """Return the present Volume, or a new one in place of another job's."""
    for obj in scene.collection.objects:
        if obj.get(MARK) == job.id and isinstance(obj.data, bpy.types.Volume):
            return obj.data
    remove()
    volume = bpy.data.volumes.new(NAME)
    volume.render.space = "OBJECT"
    volume.materials.append(materials.look_material(NAME, "RADIANCE"))
    obj = bpy.data.objects.new(NAME, volume)
    obj[MARK] = job.id
    obj.hide_select = True
    obj.hide_render = True
    obj.matrix_world = Matrix.Translation((*job.way, 0.0)) @ Matrix(job.spec.domain.matrix_world)
    scene.collection.objects.link(obj)
    join_local_views(obj, scene)
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
    live_files.retire(path)
