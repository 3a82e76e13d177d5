"""How results stand in the scene: at the domain's place, named after the prompt, knowing their settings."""

from __future__ import annotations

import json
from pathlib import Path

import bpy
from mathutils import Matrix

from ...protocol import codec
from ...protocol.spec import JobSpec

JOB_PROPERTY, FOLDER_PROPERTY = "sjc_job", "sjc_folder"
NAME_LENGTH = 40
INT_LIMIT = 2**31
"""Whole numbers of custom properties end below this."""


def result_name(prompt: str) -> str:
    """Name an object after its prompt: one line, cut at a word."""
    words = " ".join(prompt.split())
    if len(words) <= NAME_LENGTH:
        return words
    return words[: NAME_LENGTH + 1].rsplit(" ", 1)[0][:NAME_LENGTH]


def place_result(obj: bpy.types.Object, spec: JobSpec, folder: Path, scene: bpy.types.Scene) -> None:
    """Put a new object at the domain's place, remember how it was made, and select it.

    Parameters
    ----------
    obj : bpy.types.Object
        New, in domain units.
    spec : JobSpec
    folder : Path
        The job's; its name is the job's id, shared by the results of one job.
    scene : bpy.types.Scene
    """
    scene.collection.objects.link(obj)
    obj.matrix_world = Matrix(spec.domain.matrix_world)
    obj["sjc_prompt"] = spec.prompt
    obj["sjc_seed"] = spec.seed if spec.seed < INT_LIMIT else str(spec.seed)
    obj["sjc_model"] = spec.model.source
    obj["sjc_preset"] = spec.preset
    obj["sjc_settings"] = json.dumps(codec.encode(spec), ensure_ascii=False)
    obj[JOB_PROPERTY] = job_id(folder)
    obj[FOLDER_PROPERTY] = str(folder.absolute())
    _select(obj, scene)


def job_id(folder: Path) -> str:
    """Name of the job that lives in this folder."""
    return folder.name


def _select(obj: bpy.types.Object, scene: bpy.types.Scene) -> None:
    """Make it the active object and select it beside the other results of its job."""
    view_layer = bpy.context.view_layer if bpy.context.scene == scene else scene.view_layers[0]
    assert view_layer is not None
    active = view_layer.objects.active
    if active is not None and active.mode != "OBJECT":
        return  # someone is editing or painting another object, maybe since the job began
    if obj.name not in view_layer.objects:
        return  # the scene's own collection is hidden in this view layer
    for other in view_layer.objects.selected:
        other.select_set(other.get(JOB_PROPERTY) == obj[JOB_PROPERTY], view_layer=view_layer)
    obj.select_set(True, view_layer=view_layer)
    view_layer.objects.active = obj
