"""Whether the meshes of finished jobs are in order in Blender: as imported, and as files that were read back.

``python -m benchmarks.in_blender.open_meshes JOB_FOLDER ... --out FILE`` in a Python with bpy. The
folders are only read.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

import sjc_blender
from benchmarks.in_blender.mesh_look import Paint, look_at
from sjc_blender.addon import api

TEXTURE = 256
"""Pixels of a side."""

VOLUME_CHANGE = 0.01
"""Share of the volume that may be lost or won on the way through a file."""

READERS: dict[str, Callable[[str], object]] = {
    "glb": lambda path: bpy.ops.import_scene.gltf(filepath=path),
    "obj": lambda path: bpy.ops.wm.obj_import(filepath=path),
}


def main() -> None:
    """Write what the meshes are like, by job folder, and with which Blender."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    sjc_blender.register()
    try:
        meshes = {str(folder): opened(folder) for folder in arguments.folders}
    finally:
        sjc_blender.unregister()
    arguments.out.write_text(json.dumps({"blender": bpy.app.version_string, "meshes": meshes}), encoding="utf-8")


def opened(folder: Path) -> dict[str, dict[str, Any]]:
    """Look at a job's mesh with a baked texture, and at what comes back of it from each kind of file.

    Returns
    -------
    dict
        Of ``imported``, ``glb`` and ``obj``: what `look_at` tells. An error of the add-on or of Blender is a fault.
    """
    looks: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as written:
        try:
            _empty_file()
            (obj,) = api.import_result(folder, outputs=["mesh"])
            api.bake_texture(obj, TEXTURE)
            paint = Paint(obj)
            looks["imported"] = look_at(obj, paint)
            files = {kind: api.export_result(obj, Path(written) / f"mesh.{kind}") for kind in READERS}
        except (api.SjcError, RuntimeError) as error:
            looks["imported"] = {"faults": [str(error)]}
            return looks
        for kind, path in files.items():
            looks[kind] = _read_back(kind, path, looks["imported"], paint)
    return looks


def _read_back(kind: str, path: Path, before: dict[str, Any], paint: Paint) -> dict[str, Any]:
    _empty_file()
    try:
        READERS[kind](str(path))
    except RuntimeError as error:
        return {"faults": [str(error)]}
    meshes = [obj for obj in bpy.data.objects if obj.type == "MESH"]
    if len(meshes) != 1:
        return {"faults": [f"the file holds {len(meshes)} meshes"]}
    bpy.context.view_layer.update()  # its place in the world
    look = look_at(meshes[0], paint)
    if "volume" in look and abs(look["volume"] / before["volume"] - 1) > VOLUME_CHANGE:
        look["faults"].append(f"its volume was {before['volume']:.4f} and is {look['volume']:.4f}")
    return look


def _empty_file() -> None:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


if __name__ == "__main__":
    main()
