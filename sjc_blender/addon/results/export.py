"""Results as files for other programs, as they are in the scene: with their modifiers, materials and edits."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import bpy

from ...protocol.atomic_write import atomic_files
from ...protocol.errors import SjcError
from ...protocol.home import expanded

MESH_FORMATS, VOLUME_FORMATS = (".glb", ".ply", ".obj"), (".vdb",)


def formats_of(obj: bpy.types.Object) -> tuple[str, ...]:
    """Endings of the files that an object can become; empty for neither a mesh nor a Volume."""
    return {"MESH": MESH_FORMATS, "VOLUME": VOLUME_FORMATS}.get(obj.type, ())


def export_result(obj: bpy.types.Object, path: str | Path) -> Path:
    """Write a result as a file; its ending says which kind.

    Parameters
    ----------
    obj : Object, its name, or its job
        A mesh for ``.glb``, ``.ply`` and ``.obj``, written by Blender's own exporters with modifiers applied and
        colours; a Volume for ``.vdb``, a copy of its file, in the Volume's own space.
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
        ``unknown_format``, ``not_exported``, ``folder_not_writable``, ``disk_full``.
    """
    target = expanded(bpy.path.abspath(str(path))).absolute()
    ending = target.suffix.lower()
    if ending not in formats_of(obj):
        allowed = ", ".join(formats_of(obj)) or "a mesh or a Volume, which this is not"
        raise SjcError(
            "unknown_format",
            f"{obj.name!r} ({obj.type.lower()}) cannot be written as {target.name!r}; possible: {allowed}.",
        )
    if ending == ".vdb":
        _copy_vdb(obj, target)
        return target
    with _alone_selected(obj), atomic_files(target) as temporary:
        try:
            _write_mesh(obj, temporary, ending)
        except (RuntimeError, AttributeError) as error:
            reason = str(error).strip().splitlines()[-1]
            raise SjcError("not_exported", f"Blender could not write {target}: {reason}") from error
    return target


def _write_mesh(obj: bpy.types.Object, target: Path, ending: str) -> None:
    path = str(target)
    if ending == ".glb":
        bpy.ops.export_scene.gltf(
            filepath=path,
            export_format="GLB",
            use_selection=True,
            export_apply=True,
            # Only where the material shows them: readers multiply them with a texture, which has the same colours.
            export_vertex_color="MATERIAL",
            export_all_vertex_colors=False,
        )
    elif ending == ".ply":
        bpy.ops.wm.ply_export(
            filepath=path, export_selected_objects=True, apply_modifiers=True, export_normals=True, export_colors="SRGB"
        )
    else:
        with _pictures_beside(obj, target):
            bpy.ops.wm.obj_export(
                filepath=path,
                export_selected_objects=True,
                apply_modifiers=True,
                export_colors=True,
                path_mode="STRIP",
            )


@contextlib.contextmanager
def _pictures_beside(obj: bpy.types.Object, target: Path) -> Iterator[None]:
    """Write the pictures that are packed in the .blend beside the file, which can only name them."""
    trees = [slot.material.node_tree for slot in obj.material_slots if slot.material is not None]
    nodes = [node for tree in trees if tree is not None for node in tree.nodes]
    packed = {node.image for node in nodes if isinstance(node, bpy.types.ShaderNodeTexImage) and node.image}
    before = {image: image.filepath_raw for image in packed if image.packed_file is not None}
    try:
        for number, image in enumerate(before):
            path = target.with_name(f"{target.stem}{f'-{number + 1}' if number else ''}.png")
            image.save(filepath=str(path))
            image.filepath_raw = str(path)
        yield
    finally:
        for image, path_before in before.items():
            image.filepath_raw = path_before


def _copy_vdb(obj: bpy.types.Object, target: Path) -> None:
    volume = obj.data
    assert isinstance(volume, bpy.types.Volume)
    source = Path(bpy.path.abspath(volume.filepath, library=volume.library))
    packed = volume.packed_file
    if packed is None and not source.is_file():
        raise SjcError(
            "not_exported", f"The file of {obj.name!r} is not there any more: {source}.", "Import the result again."
        )
    if packed is None and target.exists() and target.samefile(source):
        return
    with atomic_files(target) as temporary:
        if packed is not None:
            temporary.write_bytes(packed.data)
        else:
            shutil.copyfile(source, temporary)


@contextlib.contextmanager
def _alone_selected(obj: bpy.types.Object) -> Iterator[None]:
    """Select only `obj` for a moment: Blender's exporters know no other way to say what they should write."""
    view_layer = bpy.context.view_layer
    assert view_layer is not None
    if obj.name not in view_layer.objects or not obj.visible_get():
        raise SjcError(
            "not_exported", f"{obj.name!r} is hidden, or in another view layer.", "Show it, then export it again."
        )
    before, active = list(view_layer.objects.selected), view_layer.objects.active
    try:
        for other in before:
            other.select_set(False)
        obj.select_set(True)
        view_layer.objects.active = obj
        yield
    finally:
        obj.select_set(False)
        for other in before:
            other.select_set(True)
        view_layer.objects.active = active
