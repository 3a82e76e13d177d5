"""``render``: a picture from each camera of a rig, which Blender's own ``-f`` has no way to ask for."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy

from ...protocol import atomic_write, codec
from ...protocol.errors import SjcError
from ...protocol.home import expanded
from ...protocol.model_families import REFERENCE_VIEWS
from ...protocol.reference_views import ReferenceView, ReferenceViews
from ...protocol.slug import slug
from ...protocol.spec import CameraRig
from ...protocol.transforms_json import TRANSFORMS, transforms_json
from ..process.interrupts import Interrupts
from ..rigs.domain import domain_object, domain_spec
from ..rigs.rig import cameras_from_scene
from .outcome import Outcome

NAME = "render"
HELP = "render the scene from its camera, or from each camera of a rig"
EXAMPLES = (
    "-b out.blend --command sjc render --out pictures",
    '-b out.blend --command sjc render --out pictures --rig "SJC Rig" --size 512 --samples 64 --engine cycles',
)

ENGINES: dict[str, Any] = {
    "cycles": "CYCLES",
    "eevee": "BLENDER_EEVEE" if bpy.app.version >= (5, 0, 0) else "BLENDER_EEVEE_NEXT",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add which cameras, and how."""
    parser.add_argument("--out", required=True, metavar="FOLDER", help="a PNG for each camera, named after it")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--camera", metavar="NAME", help="default: the scene's camera")
    which.add_argument("--rig", metavar="COLLECTION", help="each of its cameras")
    parser.add_argument("--size", type=_positive, metavar="PIXELS", help="square pictures (default: the scene's size)")
    parser.add_argument("--samples", type=_positive, metavar="N", help="default: the scene's")
    parser.add_argument(
        "--views",
        action="store_true",
        help="also list the cameras, so that the engine can fit a Volume to the pictures (engine fit), and other "
        f"programs too ({TRANSFORMS}): square, transparent, in plain sRGB; needs --rig and --size",
    )
    parser.add_argument("--domain", metavar="OBJECT", help="with --views: the box that is to be filled")
    parser.add_argument("--engine", choices=sorted(ENGINES), help="default: the scene's")


def run(arguments: argparse.Namespace) -> Outcome:
    """Render; the scene's file stays as it is."""
    scene = bpy.context.scene
    assert scene is not None
    cameras = _cameras(scene, arguments.camera, arguments.rig)
    if arguments.views and not (arguments.rig and arguments.size):
        raise SjcError(
            "bad_usage", "--views needs square pictures of a rig.", "Add --rig COLLECTION and --size PIXELS."
        )
    folder = expanded(arguments.out).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise atomic_write.file_error(error, folder) from error
    _set_up(scene, arguments)
    paths = _paths(folder, cameras)
    # Before any picture: a camera that cannot be used is told at once.
    views = _views(scene, arguments, paths) if arguments.views else None
    pictures: list[dict[str, Any]] = []
    with Interrupts() as interrupts:
        for camera, path in zip(cameras, paths, strict=True):
            if interrupts.count:
                return Outcome("cancelled", {"pictures": pictures}, [f"{len(pictures)} of {len(cameras)} rendered."])
            print(f"[{len(pictures) + 1}/{len(cameras)}] {camera.name}", file=sys.stderr, flush=True)
            began = time.monotonic()
            _render(scene, camera, path)
            seconds = round(time.monotonic() - began, 2)
            pictures.append({"camera": camera.name, "path": str(path), "seconds": seconds})
    lines = [str(picture["path"]) for picture in pictures]
    if views is not None:
        _write_json(folder / REFERENCE_VIEWS, codec.encode(views))
        transforms = transforms_json(views, arguments.size, arguments.size)
        if transforms is not None:
            _write_json(folder / TRANSFORMS, transforms)
        else:
            lines.append(f"Not written: {TRANSFORMS}, which cannot describe orthographic cameras.")
    return Outcome("done", {"pictures": pictures}, lines)


def _write_json(path: Path, data: Any) -> None:
    atomic_write.write_text(path, json.dumps(data, indent=1) + "\n")


def _views(scene: bpy.types.Scene, arguments: argparse.Namespace, paths: Sequence[Path]) -> ReferenceViews:
    """The cameras of the rig in the domain's frame, in the order of the pictures."""
    scene.render.film_transparent = True
    scene.view_settings.view_transform = "Standard"
    depsgraph = bpy.context.evaluated_depsgraph_get()
    domain = domain_spec(domain_object(arguments.domain), depsgraph)
    rig = cameras_from_scene(arguments.rig, domain, scene, depsgraph)
    assert isinstance(rig, CameraRig)  # what a collection gives
    pairs = zip(paths, sorted(rig.cameras, key=lambda camera: camera.name), strict=True)
    return ReferenceViews(tuple(ReferenceView(path.name, camera) for path, camera in pairs), domain)


def _cameras(scene: bpy.types.Scene, name: str | None, rig: str | None) -> list[bpy.types.Object]:
    if rig is not None:
        collection = bpy.data.collections.get(rig)
        if collection is None:
            known = ", ".join(sorted(found.name for found in bpy.data.collections)) or "none"
            raise SjcError("unknown_rig", f"There is no collection {rig!r}.", f"There are: {known}.")
        cameras = sorted((obj for obj in collection.all_objects if obj.type == "CAMERA"), key=lambda obj: obj.name)
        if not cameras:
            raise SjcError("no_cameras", f"The collection {rig!r} has no cameras.", "Name another collection.")
        return cameras
    camera = scene.objects.get(name) if name is not None else scene.camera
    if camera is None or camera.type != "CAMERA":
        known = ", ".join(sorted(obj.name for obj in scene.objects if obj.type == "CAMERA")) or "none"
        what = f"There is no camera {name!r}." if name is not None else "The scene has no camera of its own."
        raise SjcError(
            "unknown_camera", what, f"Name one with --camera, or a collection with --rig; there are: {known}."
        )
    return [camera]


def _set_up(scene: bpy.types.Scene, arguments: argparse.Namespace) -> None:
    render = scene.render
    if arguments.engine:
        render.engine = ENGINES[arguments.engine]
    if arguments.size:
        render.resolution_x = render.resolution_y = arguments.size
        render.resolution_percentage = 100
    if arguments.samples:
        scene.cycles.samples = arguments.samples  # type: ignore[attr-defined]  # None to the stubs of 5.2
        scene.eevee.taa_render_samples = arguments.samples
    if bpy.app.version >= (5, 0, 0):
        render.image_settings.media_type = "IMAGE"  # type: ignore[attr-defined]  # the stubs of 4.5
    render.image_settings.file_format = "PNG"
    render.use_file_extension = True


def _paths(folder: Path, cameras: Sequence[bpy.types.Object]) -> list[Path]:
    """A file for each camera; names that become the same are counted."""
    paths: list[Path] = []
    for camera in cameras:
        name, number = slug(camera.name), 1
        path = folder / f"{name}.png"
        while path in paths:
            number += 1
            path = folder / f"{name}-{number}.png"
        paths.append(path)
    return paths


def _render(scene: bpy.types.Scene, camera: bpy.types.Object, path: Path) -> None:
    scene.camera = camera
    scene.render.filepath = str(path)
    try:
        bpy.ops.render.render(write_still=True, scene=scene.name)
    except RuntimeError as error:
        raise SjcError(
            "render_failed",
            f"Blender could not render {camera.name!r}: {str(error).strip()}",
            "EEVEE needs a graphics card; --engine cycles does not.",
        ) from error


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 or more")
    return value
