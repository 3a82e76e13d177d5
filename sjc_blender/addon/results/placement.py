# SPDX-License-Identifier: GPL-3.0-or-later
"""Placing new results in the scene: on the floor or at the domain, named after the prompt, with their settings."""

from __future__ import annotations

import json
import os
from pathlib import Path

import bpy
from mathutils import Matrix

from ...protocol import codec
from ...protocol.errors import SjcError
from ...protocol.home import home_folder
from ...protocol.job_folder import JobFolder
from ...protocol.spec import JobSpec
from ..job_location import imported_from
from ..kept_values import kept_name
from ..rigs.evaluated_scene import view_layer_of
from ..window_events import join_local_views
from .object_frame import ObjectFrame, standing_domain

JOB_PROPERTY, FOLDER_PROPERTY = "sjc_job", "sjc_folder"
NAME_LENGTH = 40
INT_LIMIT = 2**31
"""Integers of custom properties are below this."""


def target_scene(scene: bpy.types.Scene | str | None) -> bpy.types.Scene:
    """Return the scene that results go to, the active one for None; SjcError ``scene_linked``."""
    chosen = bpy.data.scenes.get((scene, None)) if isinstance(scene, str) else scene or bpy.context.scene
    if not isinstance(chosen, bpy.types.Scene):
        names = ", ".join(known.name for known in bpy.data.scenes)
        raise SjcError("unknown_scene", f"There is no scene {scene!r} in this file.", f"Its scenes are: {names}.")
    if chosen.library is not None:
        raise SjcError(
            "scene_linked",
            f"The scene {chosen.name!r} is linked from {chosen.library.filepath}: nothing can be put into it.",
            "Open that file, or use a scene of this one.",
        )
    return chosen


def result_name(prompt: str) -> str:
    """Name an object after its prompt: one line, cut at a word."""
    words = " ".join(prompt.split())
    if len(words) <= NAME_LENGTH:
        return words
    return words[: NAME_LENGTH + 1].rsplit(" ", 1)[0][:NAME_LENGTH]


def place_result(
    obj: bpy.types.Object, spec: JobSpec, folder: JobFolder, frame: ObjectFrame, scene: bpy.types.Scene
) -> None:
    """Put a new object where its job's domain is, remember how it was made, and select it.

    It comes into the active collection, with its origin at its feet and without a scale of its own. Where the domain
    has a floor it is set down on that; else it is exactly where its cameras saw it.

    Parameters
    ----------
    obj : bpy.types.Object
        New, in the coordinates of `frame`.
    folder : JobFolder
        Its name is the job's id, shared by the results of one job.
    """
    _collection(scene).objects.link(obj)
    place, turn, _unit = (standing_domain(spec, frame) @ frame.from_domain.inverted()).decompose()
    obj.matrix_world = Matrix.Translation(place[:]) @ turn.to_matrix().to_4x4()
    obj.scale = (1.0, 1.0, 1.0)  # not to the seventh digit of it
    frame.keep_in(obj)
    obj["sjc_prompt"] = spec.prompt
    obj["sjc_seed"] = spec.seed if spec.seed < INT_LIMIT else str(spec.seed)
    obj["sjc_model"] = spec.model.source
    obj["sjc_preset"] = spec.preset
    obj["sjc_settings"] = json.dumps(codec.encode(spec), ensure_ascii=False)
    obj[JOB_PROPERTY] = folder.path.name
    imported_from(folder.path.absolute())
    remember_folder(obj, folder.path, bpy.data.filepath)
    join_local_views(obj, scene)
    select_result(obj, scene)


def job_of(obj: bpy.types.Object) -> str:
    """Return the id of an object's job; empty if it has none."""
    return kept_name(obj, JOB_PROPERTY)


def results_of(job: str, scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """Return the objects of a job in a scene."""
    return [obj for obj in scene.objects if job_of(obj) == job]


def remember_folder(obj: bpy.types.Object, folder: Path, blend: str) -> None:
    """Store in a result the path of its job's folder relative to the .blend, never an absolute path.

    What is not saved, lies on another drive or in the user's own folder is found by the job's name on this computer.
    """
    relative = _relative(folder, blend)
    if relative:
        obj[FOLDER_PROPERTY] = relative
    elif obj.get(FOLDER_PROPERTY) is not None:
        del obj[FOLDER_PROPERTY]


def _relative(folder: Path, blend: str) -> str:
    if not blend:
        return ""
    try:
        parts = Path(os.path.relpath(folder.absolute(), Path(blend).parent)).parts
    except ValueError:  # another drive
        return ""
    # Absolute paths would reveal the user's name.
    home = home_folder()
    return "" if home is not None and home.name in parts else "//" + "/".join(parts)


def _collection(scene: bpy.types.Scene) -> bpy.types.Collection:
    """Return the active collection, as for Blender's new objects; the scene's if that one is linked."""
    layer = view_layer_of(scene).active_layer_collection
    if layer is None or layer.collection.library is not None or not layer.is_visible:
        return scene.collection
    return layer.collection


def select_result(obj: bpy.types.Object, scene: bpy.types.Scene) -> None:
    """Make it the active object, and select it alone."""
    view_layer = view_layer_of(scene)
    active = view_layer.objects.active
    if active is not None and active.mode != "OBJECT":
        return  # someone is editing or painting another object, maybe since the job began
    if obj.name not in view_layer.objects:
        return  # its collection is hidden in this view layer
    for other in view_layer.objects.selected:
        other.select_set(False, view_layer=view_layer)
    obj.select_set(True, view_layer=view_layer)
    view_layer.objects.active = obj
