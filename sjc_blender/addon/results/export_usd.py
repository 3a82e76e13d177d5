# SPDX-License-Identifier: GPL-3.0-or-later
"""A result as USD: its mesh with colours, its Volume, and the .vdb beside the file, all by relative paths."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import bpy

from ...protocol.errors import SjcError
from .export_mesh import pictures_beside
from .materials import MESH_COLOUR
from .shown import companion_of

USD_FORMATS = (".usdc", ".usda", ".usd")

COLOURS = "displayColor"
"""USD's own name for colours of a surface, which every reader of it shows."""


@contextlib.contextmanager
def whole_result(obj: bpy.types.Object) -> Iterator[list[bpy.types.Object]]:
    """Yield an object and its twin (mesh or Volume) in the same place; inside the context both can be selected."""
    scene = bpy.context.scene
    assert scene is not None
    twin = companion_of(obj, scene)
    if twin is None:
        yield [obj]
        return
    linked = twin.name not in scene.collection.objects
    hidden, eye = twin.hide_viewport, twin.hide_get()
    try:
        if linked:  # whatever is hidden of its own collections
            scene.collection.objects.link(twin)
        twin.hide_viewport = False
        twin.hide_set(False)
        yield [obj, twin]
    finally:
        twin.hide_set(eye)
        twin.hide_viewport = hidden
        if linked:
            scene.collection.objects.unlink(twin)


def write_usd(objects: Sequence[bpy.types.Object], target: Path, grids: Path | None) -> None:
    """Write objects, which must be the selected ones; only the first one is visible in the file.

    Parameters
    ----------
    objects : sequence of bpy.types.Object
        Of one result.
    grids : Path, optional
        The .vdb of the one that is a Volume, in the folder of `target`.

    Raises
    ------
    SjcError
        ``not_exported`` if this Blender was built without USD.
    RuntimeError
        From Blender's exporter.
    """
    _require_usd()
    with contextlib.ExitStack() as stack:
        for obj in objects:
            stack.enter_context(pictures_beside(obj, target))
        bpy.ops.wm.usd_export(
            filepath=str(target),
            selected_objects_only=True,
            evaluation_mode="VIEWPORT",
            relative_paths=True,
            export_textures_mode="KEEP",
            convert_world_material=False,
            allow_unicode=True,
            # The export must not contain paths of this computer.
            export_custom_properties=False,
        )
    if target.is_file():
        _complete(target, [obj.type for obj in objects], grids)


def _require_usd() -> None:
    built: Any = bpy.app.build_options
    if not built.usd:
        raise SjcError(
            "not_exported",
            "This Blender was built without USD, as some distributions do.",
            "Use the Blender of blender.org, or export it as GLB, and the Volume as VDB.",
        )


def _complete(target: Path, types: Sequence[str], grids: Path | None) -> None:
    """Add what Blender's exporter leaves out: colours of the surface, visibility, relative paths of files."""
    bpy.utils.expose_bundled_modules()
    from pxr import Sdf, Usd, UsdGeom  # type: ignore[import-not-found]  # Blender's own

    stage: Any = Usd.Stage.Open(str(target))
    for prim in list(stage.Traverse()):
        kind = prim.GetTypeName()
        if kind == "OpenVDBAsset" and grids is not None:
            prim.GetAttribute("filePath").Set(Sdf.AssetPath(f"./{grids.name}"))
        elif kind == "Shader" and (picture := prim.GetAttribute("inputs:file").Get()) is not None:
            name = Path(picture.path.replace("\\", "/")).name
            if (target.parent / name).is_file():
                prim.GetAttribute("inputs:file").Set(Sdf.AssetPath(f"./{name}"))
        elif kind == "Mesh":
            _colour(stage, prim)
        if len(types) > 1 and kind in ("Mesh", "Volume") and kind.upper() != types[0]:
            UsdGeom.Imageable(prim).MakeInvisible()
    stage.GetRootLayer().Save()


def _colour(stage: Any, prim: Any) -> None:
    """Set a mesh's colours as its display colour, and as its material's where there is no texture."""
    from pxr import Sdf, UsdGeom, UsdShade, Vt

    primvars = UsdGeom.PrimvarsAPI(prim)
    colours = primvars.GetPrimvar(MESH_COLOUR)
    if not colours:
        return
    values = [tuple(colour)[:3] for colour in colours.Get()]
    interpolation = colours.GetInterpolation()
    primvars.CreatePrimvar(COLOURS, Sdf.ValueTypeNames.Color3fArray, interpolation).Set(Vt.Vec3fArray(values))
    primvars.RemovePrimvar(MESH_COLOUR)
    material, _relation = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial()
    if not material:
        return
    surface, _name, _type = material.ComputeSurfaceSource()
    diffuse = surface.GetInput("diffuseColor") if surface else None
    if not diffuse or diffuse.HasConnectedSource():
        return
    reader = UsdShade.Shader.Define(stage, material.GetPath().AppendChild("Colours"))
    reader.CreateIdAttr("UsdPrimvarReader_float3")
    reader.CreateInput("varname", Sdf.ValueTypeNames.String).Set(COLOURS)
    diffuse.ConnectToSource(reader.CreateOutput("result", Sdf.ValueTypeNames.Float3))
