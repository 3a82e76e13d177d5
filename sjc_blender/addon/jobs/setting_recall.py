"""The settings that a job was started with, kept in its folder, and back into a scene.

Every property of ``scene.sjc`` is kept, whatever there is: nothing here names them. Where a job did not
come from the panel, the properties that are called as fields of its spec are set from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import bpy

from ...protocol import atomic_write, codec
from ...protocol.job_folder import JobFolder
from ...protocol.spec import JobSpec, OrbitRig

VERSION = 1


def keep_settings(folder: JobFolder, settings: bpy.types.PropertyGroup) -> None:
    """Write the settings of a scene beside a job's spec; SjcError if that cannot be written."""
    values = {prop.identifier: _plain(settings, prop) for prop in _properties(settings)}
    text = json.dumps({"version": VERSION, "settings": values}, indent=1, ensure_ascii=False)
    atomic_write.write_text(folder.settings_path, text + "\n")


def recall(folder: JobFolder, settings: bpy.types.PropertyGroup) -> list[str]:
    """Set a scene's settings to those that a job was made with.

    Returns
    -------
    list of str
        What could not be set, each as a few words for the user; the rest is.

    Raises
    ------
    SjcError
        If the folder holds no job. Nothing is changed then.
    """
    spec = folder.read_spec()
    kept = _kept(folder)
    values = _from_spec(spec, settings) if kept is None else kept
    missed = [
        words
        for prop in _properties(settings)
        if prop.identifier in values
        for words in _set(settings, prop, values[prop.identifier])
    ]
    if kept is None and not isinstance(spec.cameras, OrbitRig):
        missed.append("the cameras: they are in the job, but not in this scene")
    return missed


def _properties(settings: bpy.types.PropertyGroup) -> Iterator[bpy.types.Property]:
    """Those that a user sets; groups of further properties have no place in a flat list."""
    for prop in settings.bl_rna.properties:
        if prop.identifier in {"rna_type", "name"} or prop.is_readonly or prop.type == "COLLECTION":
            continue
        if prop.type != "POINTER" or _things_like(prop) is not None:
            yield prop


def _things_like(prop: bpy.types.Property) -> Any:
    """The things of the open file to which a property can point."""
    for collection in bpy.data.bl_rna.properties:
        if collection.type == "COLLECTION" and collection.fixed_type == prop.fixed_type:
            return getattr(bpy.data, collection.identifier)
    return None


def _plain(settings: bpy.types.PropertyGroup, prop: bpy.types.Property) -> Any:
    value = getattr(settings, prop.identifier)
    if prop.type == "POINTER":
        return None if value is None else value.name
    if getattr(prop, "is_array", False):
        return list(value)
    return sorted(value) if isinstance(value, set) else value


def _set(settings: bpy.types.PropertyGroup, prop: bpy.types.Property, value: Any) -> list[str]:
    """Set one; say so if it cannot be."""
    if prop.type == "POINTER":
        found = None if value is None else _things_like(prop).get(value)
        setattr(settings, prop.identifier, found)
        return [f"{prop.name}: there is no {value!r} in this file"] if value is not None and found is None else []
    try:
        setattr(settings, prop.identifier, set(value) if getattr(prop, "is_enum_flag", False) else value)
    except (TypeError, ValueError):  # a choice that this release, or this machine, does not have
        return [f"{prop.name}: {value!r} is not there any more"]
    return []


def _kept(folder: JobFolder) -> dict[str, Any] | None:
    try:
        data = json.loads(folder.settings_path.read_text(encoding="utf-8"))
        settings = data["settings"]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return settings if isinstance(settings, dict) else None


def _from_spec(spec: JobSpec, settings: bpy.types.PropertyGroup) -> dict[str, Any]:
    """Values for the properties that say the same as a field of the spec."""
    values: dict[str, Any] = {}
    data = codec.encode(spec)
    for part in (data["field"], data["optimisation"], data["outputs"], data):
        values.update({name: value for name, value in part.items() if not isinstance(value, (dict, list, type(None)))})
    values |= {"make_volume": spec.outputs.volume, "make_mesh": spec.outputs.mesh, "model_source": spec.model.source}
    values["model_kind"] = "OWN"
    if spec.model.source == "builtin":
        values |= {"model_kind": "BUILTIN", "model_source": ""}
    if isinstance(spec.cameras, OrbitRig):
        values["rig"] = "ORBIT"
    return {name: value for name, value in values.items() if name in settings.bl_rna.properties}
