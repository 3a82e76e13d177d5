"""Pictures with their cameras, read from the formats in which such sets come.

- ``transforms_train.json``, ``transforms_test.json`` or ``transforms.json``: the format of NeRF's synthetic scenes
  (https://github.com/bmild/nerf), cameras in world units, looking along -Z with +Y up, as in Blender.
- ``reference_views.json``: see `sjc_blender.protocol.reference_views`, cameras in domain units.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...protocol.errors import SjcError
from ...protocol.model_families import REFERENCE_VIEWS
from ...protocol.reference_views import read_reference_views
from ...protocol.spec import Camera, DomainSpec, Matrix
from ..radiance.rays import Rays, camera_rays

TRAIN, TEST, ALL = "transforms_train.json", "transforms_test.json", "transforms.json"
HELD_OUT = 8
"""Of a set that comes in one piece every eighth picture is held out."""


@dataclass(frozen=True)
class PosedPicture:
    """A picture and the camera that took it.

    Attributes
    ----------
    camera : Camera
        In domain units.
    rgba : Tensor [H, W, 4]
        sRGB and straight alpha in [0, 1].
    """

    camera: Camera
    rgba: Tensor

    def rays(self) -> Rays:
        """One ray a pixel, in the order of the pixels."""
        return camera_rays(self.camera, *self.rgba.shape[:2])


@dataclass(frozen=True)
class PictureSet:
    """Pictures to fit, pictures to judge by, and the box that they show.

    Attributes
    ----------
    train, held_out : list of PosedPicture
    domain : DomainSpec
    """

    train: list[PosedPicture]
    held_out: list[PosedPicture]
    domain: DomainSpec


def read_pictures(folder: Path, half_side: float, size: int) -> PictureSet:
    """Read a set.

    Parameters
    ----------
    folder : Path
    half_side : float
        Half side of the cube to be filled, in the set's world units (around its origin). Means nothing to
        ``reference_views.json``, which names its box.
    size : int
        Longer side in pixels to which larger pictures are averaged down.

    Raises
    ------
    SjcError
        ``no_posed_pictures``, ``bad_posed_pictures``, ``bad_reference_views``.
    """
    if (folder / REFERENCE_VIEWS).is_file():
        listed = read_reference_views(folder)
        pictures = [PosedPicture(view.camera, _picture(folder / view.image, size)) for view in listed.views]
        return PictureSet(*_split(pictures), listed.domain)
    domain = DomainSpec(matrix_world=_scaling(half_side))
    if (folder / TRAIN).is_file() and (folder / TEST).is_file():
        train, held_out = (_transforms(folder / name, half_side, size) for name in (TRAIN, TEST))
        return PictureSet(train, held_out, domain)
    for name in (TRAIN, ALL):
        if (folder / name).is_file():
            return PictureSet(*_split(_transforms(folder / name, half_side, size)), domain)
    raise SjcError(
        "no_posed_pictures",
        f"{folder} holds no pictures with cameras.",
        f"It needs a {TRAIN} (and a {TEST}), a {ALL} or a {REFERENCE_VIEWS}; `blender --command sjc render "
        "--rig RIG --views` writes one.",
    )


def _split(pictures: Sequence[PosedPicture]) -> tuple[list[PosedPicture], list[PosedPicture]]:
    train = [picture for index, picture in enumerate(pictures) if index % HELD_OUT or len(pictures) < HELD_OUT]
    return train, list(pictures[::HELD_OUT]) if len(pictures) >= HELD_OUT else []


def _scaling(s: float) -> Matrix:
    return ((s, 0.0, 0.0, 0.0), (0.0, s, 0.0, 0.0), (0.0, 0.0, s, 0.0), (0.0, 0.0, 0.0, 1.0))


def _transforms(file: Path, half_side: float, size: int) -> list[PosedPicture]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        frames = [dict(frame) for frame in data["frames"]]
        pictures = []
        for frame in frames:
            rgba = _picture(_picture_path(file.parent, str(frame["file_path"])), size)
            pictures.append(PosedPicture(_camera(data | frame, rgba.shape[0] / rgba.shape[1], half_side), rgba))
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise SjcError(
            "bad_posed_pictures",
            f"{file} cannot be used ({reason}).",
            "It needs camera_angle_x, and for each of its frames a file_path and a transform_matrix of 4 x 4 numbers.",
        ) from error
    if not pictures:
        raise SjcError("bad_posed_pictures", f"{file} names no pictures.", "List them under frames.")
    return pictures


def _camera(frame: Mapping[str, Any], height_per_width: float, half_side: float) -> Camera:
    matrix = np.array(frame["transform_matrix"], dtype=np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise ValueError(f"the transform_matrix of {frame['file_path']} is not 4 x 4 finite numbers")
    left, _, right = np.linalg.svd(matrix[:3, :3])  # the nearest rotation: files are rounded, some cameras scaled
    matrix[:3, :3] = left @ right
    matrix[:3, 3] /= half_side
    half = math.tan(float(frame["camera_angle_x"]) / 2)
    window = (-half, half, -half * height_per_width, half * height_per_width)
    pose: Any = tuple(tuple(row) for row in matrix.tolist())
    return Camera(name=str(frame["file_path"]), pose=pose, window=window)


def _picture_path(folder: Path, named: str) -> Path:
    path = (folder / named).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError(f"the picture {named!r} lies outside {folder}")
    return path if path.suffix else path.with_suffix(".png")


def _picture(path: Path, size: int) -> Tensor:
    with Image.open(path) as opened:
        picture = opened.convert("RGBA")
    shrink = size / max(picture.size)
    if shrink < 1:
        # Premultiplied, or the colour of what is transparent bleeds over the edges.
        wanted = max(1, round(picture.width * shrink)), max(1, round(picture.height * shrink))
        picture = picture.convert("RGBa").resize(wanted, Image.Resampling.BOX).convert("RGBA")
    return torch.from_numpy(np.asarray(picture, dtype=np.float32) / 255.0)
