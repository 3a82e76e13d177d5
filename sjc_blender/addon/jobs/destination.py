# SPDX-License-Identifier: GPL-3.0-or-later
"""The scene that a result belongs to, found again after renames, undo, *Save As* and the loading of files.

In the session in which a job starts Blender's own number of the scene tells it from all others. A file that is loaded
numbers its scenes anew: there the scene is known by an id of ours, a custom property that is saved with it, and the
file by its path. A copy of a scene or of a file has that id too, and is not mistaken for it.
"""

from __future__ import annotations

import uuid
import weakref
from pathlib import Path

import bpy

from ...protocol.errors import SjcError
from ...protocol.outside_file import is_there

SCENE_PROPERTY = "sjc_scene"
"""Custom property of a scene: its id."""


class Destination:
    """The scene of a result. It holds no Blender objects, which undo and file load invalidate.

    Parameters
    ----------
    scene : bpy.types.Scene
        Of the open file. It gets an id of its own.
    """

    def __init__(self, scene: bpy.types.Scene) -> None:
        self.id = _own_id(scene)
        self.scene_name = scene.name
        self.file = bpy.data.filepath
        self._uid = scene.session_uid
        known.add(self)

    def scene(self) -> bpy.types.Scene | None:
        """Return the scene if it is in the open file."""
        return next((scene for scene in bpy.data.scenes if scene.session_uid == self._uid), None)

    def require(self, instead: str) -> bpy.types.Scene:
        """Return the scene; SjcError ``scene_missing`` with the reason and, from `instead`, an alternative."""
        found = self.scene()
        if found is not None:
            return found
        remedy = f"{instead[0].upper()}{instead[1:]}."
        if not self.file:
            where = "a file that was never saved and is not open any more"
        elif not _is_open(self.file):
            where = f"{self.file}, which is not open"
            remedy = f"Open that file, or {instead}."
        elif len(_with_id(self.id)) > 1:
            where = "this file, which has copies of it under other names"
        else:
            where = "this file, and is not there any more"
        raise SjcError("scene_missing", f"The scene for this was {self.scene_name!r} of {where}.", remedy)

    def after_save(self) -> None:
        """Follow the open file to its new path, and the scene to its new name."""
        found = self.scene()
        if found is not None:
            self.file, self.scene_name = bpy.data.filepath, found.name

    def before_save(self) -> None:
        """Set the scene's id, which an undo may have removed."""
        found = self.scene()
        if found is not None and found.get(SCENE_PROPERTY) != self.id:
            found[SCENE_PROPERTY] = self.id

    def after_load(self) -> None:
        """Find the scene in the loaded file."""
        if not self.file or not _is_open(self.file):
            return
        marked = _with_id(self.id)
        named = [scene for scene in marked if scene.name == self.scene_name]
        if not marked:
            # The file was not saved after the job had started.
            local = bpy.data.scenes.get((self.scene_name, None))
            named = [local] if local is not None and SCENE_PROPERTY not in local else []
        candidates = marked if len(marked) == 1 else named
        if len(candidates) == 1:
            self._uid, self.scene_name = candidates[0].session_uid, candidates[0].name
            self.file = bpy.data.filepath


known: weakref.WeakSet[Destination] = weakref.WeakSet()
"""All of this session, to be told of each save and load."""


def _own_id(scene: bpy.types.Scene) -> str:
    """Return the scene's id; a new one where it has none, or shares it with the scene it was copied from."""
    kept = scene.get(SCENE_PROPERTY)
    if isinstance(kept, str) and kept and _with_id(kept) == [scene]:
        return kept
    made = uuid.uuid4().hex
    scene[SCENE_PROPERTY] = made
    return made


def _with_id(identifier: str) -> list[bpy.types.Scene]:
    return [scene for scene in bpy.data.scenes if scene.library is None and scene.get(SCENE_PROPERTY) == identifier]


def _is_open(file: str) -> bool:
    """Return whether the open file is this one, perhaps moved: then the old path does not exist any more."""
    opened = bpy.data.filepath
    if not opened:
        return False
    try:
        return Path(opened).samefile(file)
    except OSError:
        return not is_there(Path(file))
