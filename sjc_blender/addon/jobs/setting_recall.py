# SPDX-License-Identifier: GPL-3.0-or-later
"""Storing the panel's settings in a job's folder, and restoring them.

Every property of ``scene.sjc`` is kept, whatever there is: nothing here names them. Where a job did not
come from the panel, the properties that are called as fields of its spec are set from there.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Iterator
from typing import Any

import bpy

from ...protocol import codec
from ...protocol.job_folder import JobFolder
from ...protocol.shown import shown
from ...protocol.spec import JobSpec, OrbitRig
from .kept_settings import kept_settings

VERSION = 1


def keep_settings(folder: JobFolder, settings: bpy.types.PropertyGroup, **others: Any) -> None:
    """Write the settings of a scene beside a job's spec, but for those of the job that are `others`.

    Raises
    ------
    SjcError
        If that cannot be written.
    """
    kept = {**_plain_group(settings), **others}
    text = json.dumps({"version": VERSION, "settings": kept}, indent=1, ensure_ascii=False)
    folder.write_text(folder.settings_path, text + "\n")


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
    kept = kept_settings(folder)
    missed = _set_group(settings, _from_spec(spec, settings) if kept is None else kept)
    if kept is None and not isinstance(spec.cameras, OrbitRig):
        missed.append("the cameras: they are in the job, but not in this scene")
    if kept is None and spec.guide is not None:
        missed.append("the guide: its triangles are in the job, but not which objects they were of")
    if kept is None and spec.picture is not None:
        missed.append("the picture: its pixels are in the job, but not which image they were of")
    return missed


def _properties(group: bpy.types.PropertyGroup) -> Iterator[Any]:
    """Return the properties that a user can set, and groups of them."""
    for prop in group.bl_rna.properties:
        if prop.identifier != "rna_type" and (not prop.is_readonly or prop.type in {"POINTER", "COLLECTION"}):
            yield prop


def _is_thing(prop: Any) -> bool:
    """Return whether a property points to a data-block, not to a group of properties."""
    return prop.type == "POINTER" and _things_like(prop) is not None


def _things_like(prop: Any) -> Any:
    """Return the data-blocks of the open file to which a property can point."""
    for collection in bpy.data.bl_rna.properties:
        if collection.type == "COLLECTION" and collection.fixed_type == prop.fixed_type:  # type: ignore[attr-defined]
            return getattr(bpy.data, collection.identifier)
    return None


def _plain_group(group: bpy.types.PropertyGroup) -> dict[str, Any]:
    return {prop.identifier: _plain(getattr(group, prop.identifier), prop) for prop in _properties(group)}


def _plain(value: Any, prop: Any) -> Any:
    if prop.type == "COLLECTION":
        return [_plain_group(item) for item in value]
    if prop.type == "POINTER":
        if not _is_thing(prop):
            return _plain_group(value)
        return None if value is None else value.name
    if getattr(prop, "is_array", False):
        return list(value)
    return sorted(value) if isinstance(value, set) else value


def _set_group(group: bpy.types.PropertyGroup, values: dict[str, Any]) -> list[str]:
    """Set the properties in `values`; return descriptions of those that cannot be set."""
    missed: list[str] = []
    for prop in _properties(group):
        if prop.identifier in values:
            missed += _set(group, prop, values[prop.identifier])
    return missed


def _set(group: bpy.types.PropertyGroup, prop: Any, value: Any) -> list[str]:
    try:
        if prop.type == "COLLECTION":
            items = getattr(group, prop.identifier)
            items.clear()
            return [words for plain in value for words in _set_group(items.add(), plain)]
        if prop.type == "POINTER" and not _is_thing(prop):
            return _set_group(getattr(group, prop.identifier), value)
        if prop.type == "POINTER":
            found = None if value is None else _things_like(prop).get(value)
            setattr(group, prop.identifier, found)
            missing = value is not None and found is None
            return [f"{prop.name}: there is no {value!r} in this file"] if missing else []
        setattr(group, prop.identifier, set(value) if getattr(prop, "is_enum_flag", False) else value)
    # What this release, or this machine, does not have; or no value of ours at all.
    except (TypeError, ValueError, AttributeError, OverflowError, SystemError):
        return [f"{prop.name}: {shown(reprlib.repr(value))} is not there any more"]
    return []


def _from_spec(spec: JobSpec, settings: bpy.types.PropertyGroup) -> dict[str, Any]:
    """Values for the properties that say the same as a field of the spec."""
    values: dict[str, Any] = {}
    data = codec.encode(spec)
    for part in (data["field"], data["optimisation"], data["outputs"], data):
        values.update({name: value for name, value in part.items() if not isinstance(value, (dict, list, type(None)))})
    values |= {"make_volume": spec.outputs.volume, "make_mesh": spec.outputs.mesh, "model_source": spec.model.source}
    values["memory"] = spec.model.memory
    values["model_kind"] = "OWN"
    if spec.model.source == "builtin":
        values |= {"model_kind": "BUILTIN", "model_source": ""}
    if isinstance(spec.cameras, OrbitRig):
        values["rig"] = "ORBIT"
    return {name: value for name, value in values.items() if name in settings.bl_rna.properties}
