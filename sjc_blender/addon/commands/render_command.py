# SPDX-License-Identifier: GPL-3.0-or-later
"""``render``: a picture from each camera of a rig, which Blender's own ``-f`` does not offer."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from ...protocol import atomic_write, codec
from ...protocol.errors import SjcError
from ...protocol.model_families import REFERENCE_VIEWS
from ...protocol.reference_views import ReferenceView, ReferenceViews
from ...protocol.slug import slug
from ...protocol.spec import CameraRig
from ...protocol.transforms_json import TRANSFORMS, transforms_json
from ..jobs.job_request import absolute
from ..process.interrupts import Interrupts
from ..rigs.domain import domain_object, domain_spec
from ..rigs.evaluated_scene import Placed, evaluated
from ..rigs.rig import cameras_from_scene, rig_cameras
from .graphics_check import require_graphics
from .outcome import Outcome
from .picture_settings import A_FILE, PLAIN, SQUARE, Settings, picture_settings
from .progress import Progress

NAME = "render"
HELP = "render the scene from its camera, or from each camera of a rig"
EXAMPLES = (
    "-b out.blend --command sjc render --out pictures --engine cycles",
    '-b out.blend --command sjc render --out pictures --rig "SJC Rig" --size 512 --samples 64 --engine cycles',
)

ENGINES: dict[str, Any] = {
    "cycles": "CYCLES",
    "eevee": "BLENDER_EEVEE" if bpy.app.version >= (5, 0, 0) else "BLENDER_EEVEE_NEXT",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the cameras and the render settings."""
    parser.add_argument(
        "--out", required=True, metavar="FOLDER", help="folder for a PNG of each camera, named after it"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--camera", metavar="NAME", help="default: the scene's camera")
    which.add_argument("--rig", metavar="COLLECTION", help="render from each camera of the collection")
    parser.add_argument("--size", type=_positive, metavar="PIXELS", help="square pictures (default: the scene's size)")
    parser.add_argument("--samples", type=_positive, metavar="N", help="default: the scene's")
    parser.add_argument(
        "--views",
        action="store_true",
        help="also write the cameras, so that the engine (fit) and other programs "
        f"({TRANSFORMS}) can use the pictures: square, transparent, in plain sRGB; needs --rig and --size",
    )
    parser.add_argument("--domain", metavar="OBJECT", help="with --views: object whose box is filled")
    parser.add_argument("--engine", choices=sorted(ENGINES), help="default: the scene's")


def run(arguments: argparse.Namespace) -> Outcome:
    """Render; the scene's file is not changed."""
    scene = bpy.context.scene
    assert scene is not None
    if arguments.views and not (arguments.rig and arguments.size):
        raise SjcError(
            "bad_usage", "--views needs square pictures of a rig.", "Add --rig COLLECTION and --size PIXELS."
        )
    with picture_settings(scene, _settings(arguments)), _shots(scene, arguments) as shots:
        folder = Path(absolute(arguments.out))
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise atomic_write.file_error(error, folder) from error
        require_graphics(scene.render.engine)
        paths = _paths(folder, shots)
        # Before any picture: a camera that cannot be used is told at once.
        views = _views(scene, arguments, paths) if arguments.views else None
        pictures: list[dict[str, Any]] = []
        say = Progress(arguments).say
        with Interrupts() as interrupts:
            for shot, path in zip(shots, paths, strict=True):
                if interrupts.count:
                    return Outcome("cancelled", {"pictures": pictures}, [f"{len(pictures)} of {len(shots)} rendered."])
                number, count = len(pictures) + 1, len(shots)
                say(f"[{number}/{count}] {shot.name}", "picture", number=number, count=count, camera=shot.name)
                began = time.monotonic()
                _render(scene, shot, path)
                seconds = round(time.monotonic() - began, 2)
                pictures.append({"camera": shot.name, "path": str(path), "seconds": seconds})
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


@dataclass(frozen=True)
class _Shot:
    """A picture to be rendered: the name of its camera, and the camera object."""

    name: str
    camera: bpy.types.Object


@contextmanager
def _shots(scene: bpy.types.Scene, arguments: argparse.Namespace) -> Iterator[list[_Shot]]:
    """Yield the pictures to be rendered; instances, and all with --views, have temporary cameras."""
    if arguments.rig is None:
        yield [_one(scene, arguments.camera)]
        return
    made: list[bpy.types.Object] = []
    shots = []
    try:
        with evaluated(scene) as view:
            for placed in rig_cameras(_rig(arguments.rig), view):
                camera = placed.evaluated.original
                if arguments.views or not np.allclose(placed.matrix, np.array(placed.evaluated.matrix_world)):
                    made.append(camera := _stand_in(placed, sharp=arguments.views))
                assert camera is not None
                shots.append(_Shot(placed.name, camera))
        if not shots:
            raise SjcError(
                "no_cameras", f"The collection {arguments.rig!r} has no cameras.", "Name another collection."
            )
        yield sorted(shots, key=lambda shot: shot.name)
    finally:
        for obj in made:
            # With it the object goes, which nothing else uses.
            bpy.data.cameras.remove(obj.data)  # type: ignore[arg-type]  # a camera's


def _stand_in(placed: Placed, *, sharp: bool) -> bpy.types.Object:
    """Make a camera like another one as it is evaluated now, in the scene or not."""
    seen: Any = placed.evaluated.data
    data: Any = seen.original.copy()
    data.animation_data_clear()
    for prop in seen.bl_rna.properties:
        if not prop.is_readonly and prop.type in {"BOOLEAN", "INT", "FLOAT", "ENUM"}:
            setattr(data, prop.identifier, getattr(seen, prop.identifier))
    if sharp:
        data.dof.use_dof = False
    camera = bpy.data.objects.new(placed.name, data)
    camera.matrix_world = Matrix(placed.matrix.tolist())
    return camera


def _views(scene: bpy.types.Scene, arguments: argparse.Namespace, paths: Sequence[Path]) -> ReferenceViews:
    """The cameras of the rig in the domain's frame, in the order of the pictures."""
    with evaluated(scene) as view:
        domain = domain_spec(domain_object(arguments.domain), view)
        rig = cameras_from_scene(_rig(arguments.rig), domain, view)
    assert isinstance(rig, CameraRig)  # what a collection gives
    pairs = zip(paths, rig.cameras, strict=True)
    return ReferenceViews(tuple(ReferenceView(path.name, camera) for path, camera in pairs), domain)


def _rig(name: str) -> bpy.types.Collection:
    collection = bpy.data.collections.get(name)
    if collection is None:
        known = ", ".join(sorted(found.name for found in bpy.data.collections)) or "none"
        raise SjcError("unknown_rig", f"There is no collection {name!r}.", f"There are: {known}.")
    return collection


def _one(scene: bpy.types.Scene, name: str | None) -> _Shot:
    camera = scene.objects.get(name) if name is not None else scene.camera
    if camera is None or camera.type != "CAMERA":
        known = ", ".join(sorted(obj.name for obj in scene.objects if obj.type == "CAMERA")) or "none"
        what = f"There is no camera {name!r}." if name is not None else "The scene has no camera of its own."
        raise SjcError(
            "unknown_camera", what, f"Name one with --camera, or a collection with --rig; there are: {known}."
        )
    return _Shot(camera.name, camera)


def _settings(arguments: argparse.Namespace) -> Settings:
    settings = dict(A_FILE)
    if arguments.engine:
        settings["render.engine"] = ENGINES[arguments.engine]
    if arguments.size:
        settings |= {"render.resolution_x": arguments.size, "render.resolution_y": arguments.size, **SQUARE}
    if arguments.samples:
        settings |= {"cycles.samples": arguments.samples, "eevee.taa_render_samples": arguments.samples}
        settings["cycles.use_layer_samples"] = "IGNORE"
    if arguments.views:
        settings |= PLAIN
    return settings


def _paths(folder: Path, shots: Sequence[_Shot]) -> list[Path]:
    """Return a file for each camera; equal names are numbered."""
    paths: list[Path] = []
    for shot in shots:
        name, number = slug(shot.name), 1
        path = folder / f"{name}.png"
        while path in paths:
            number += 1
            path = folder / f"{name}-{number}.png"
        paths.append(path)
    return paths


def _render(scene: bpy.types.Scene, shot: _Shot, path: Path) -> None:
    scene.camera = shot.camera
    try:
        with atomic_write.atomic_files(path) as temporary:
            scene.render.filepath = str(temporary)
            bpy.ops.render.render(write_still=True, scene=scene.name)
    except RuntimeError as error:
        raise SjcError(
            "render_failed",
            f"Blender could not render {shot.name!r}: {str(error).strip()}",
            "EEVEE needs a graphics card; --engine cycles does not.",
        ) from error


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 or more")
    return value
