# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures with their cameras, read from the usual formats.

- ``transforms_train.json`` with ``transforms_test.json`` or ``transforms_val.json``, or ``transforms.json``: see
  `sjc_blender.engine.fitting.transforms_file`, cameras in world units.
- ``reference_views.json``: see `sjc_blender.protocol.reference_views`, cameras in domain units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ...protocol.errors import SjcError
from ...protocol.model_families import REFERENCE_VIEWS
from ...protocol.outside_file import is_file
from ...protocol.reference_views import read_reference_views
from ...protocol.spec import Camera, DomainSpec
from ...protocol.validation import camera_faults
from ..image_files.picture_file import UnusablePicture, as_tensor, open_picture, shrunk
from ..radiance.rays import Rays, camera_rays
from .lens import UnusableLens, declared_size, lens_of, undistorted
from .transforms_file import Frame, bad_pictures, read_transforms

TRAIN, TEST, VALIDATION = "transforms_train.json", "transforms_test.json", "transforms_val.json"
ALL = "transforms.json"

HELD_OUT = 8
"""Every eighth picture is held out of a set without a split."""

MOST_PIXELS = 2**27
"""Of all pictures of a file after they were made smaller; each becomes a ray of about 40 bytes."""


@dataclass(frozen=True)
class PosedPicture:
    """A picture and the camera that took it.

    Attributes
    ----------
    camera : Camera
        In domain units.
    rgba : Tensor [H, W, 4]
        sRGB and straight alpha in [0, 1].
    known : Tensor [H, W] of bool, optional
        Where the picture is valid; None: everywhere.
    """

    camera: Camera
    rgba: Tensor
    known: Tensor | None = None

    def rays(self) -> Rays:
        """One ray a pixel, in the order of the pixels."""
        return camera_rays(self.camera, *self.rgba.shape[:2])


@dataclass(frozen=True)
class PictureSet:
    """Training pictures, held-out pictures, and the domain.

    Attributes
    ----------
    train, held_out : list of PosedPicture
    domain : DomainSpec
    """

    train: list[PosedPicture]
    held_out: list[PosedPicture]
    domain: DomainSpec


def read_pictures(folder: Path, half_side: float | None, size: int) -> PictureSet:
    """Read a set.

    Parameters
    ----------
    half_side : float or None
        Half side of the cube to be filled, in the set's world units, around its origin. None: the cube that
        instant-ngp fills, where the file says it, else 1. Means nothing to ``reference_views.json``, which names its
        box.
    size : int
        Longer side in pixels to which larger pictures are averaged down.

    Raises
    ------
    SjcError
        ``no_posed_pictures``, ``bad_posed_pictures``, ``bad_reference_views``.
    """
    if is_file(folder / REFERENCE_VIEWS):
        listed = read_reference_views(folder)
        pictures = [PosedPicture(view.camera, _picture(folder, view.image, size)) for view in listed.views]
        return PictureSet(*_split(pictures), listed.domain)
    for name in (TRAIN, ALL):
        if not is_file(folder / name):
            continue
        found = _of_transforms(folder / name, half_side, size)
        judges = [other for other in (TEST, VALIDATION) if name == TRAIN and is_file(folder / other)]
        if not judges:
            return found if found.held_out else PictureSet(*_split(found.train), found.domain)
        judging = _of_transforms(folder / judges[0], half_side, size)
        if judging.domain != found.domain:
            raise bad_pictures(folder / judges[0], f"has another box than {name}")
        return PictureSet(found.train + found.held_out, judging.train + judging.held_out, found.domain)
    raise SjcError(
        "no_posed_pictures",
        f"{folder} holds no pictures with cameras.",
        f"It needs a {TRAIN} (and a {TEST}), a {ALL} or a {REFERENCE_VIEWS}; `blender --command sjc render "
        "--rig RIG --views` writes one.",
    )


def _picture(folder: Path, name: str, size: int) -> Tensor:
    try:
        return as_tensor(shrunk(open_picture(folder / name), size))
    except UnusablePicture as error:
        raise bad_pictures(folder / REFERENCE_VIEWS, f"names the picture {name!r}, which {error}") from error


def pictures_of_the_box(pictures: PictureSet) -> PictureSet:
    """Leave out the pictures in which the box is not visible.

    Raises
    ------
    SjcError
        ``pictures_miss_the_box`` if none is left; ``camera_in_the_box``.
    """
    train, held_out = (
        [picture for picture in some if _shows(picture, pictures.domain)]
        for some in (pictures.train, pictures.held_out)
    )
    if not train:
        raise misses_the_box()
    return PictureSet(train, held_out, pictures.domain)


def misses_the_box() -> SjcError:
    """Return the error for a set in which no camera sees the box."""
    return SjcError(
        "pictures_miss_the_box",
        "No camera of the set sees the box that is to be filled.",
        "Make the box larger (--half-side), or move the scene to the world's origin.",
    )


def _shows(picture: PosedPicture, domain: DomainSpec) -> bool:
    place = [row[3] for row in picture.camera.pose[:3]]
    if all(abs(x) < extent for x, extent in zip(place, domain.half_extents, strict=True)):
        raise SjcError(
            "camera_in_the_box",
            f"The camera of {picture.camera.name!r} stands inside the box that is to be filled.",
            "Make the box smaller (--half-side), so that the cameras look at it from outside.",
        )
    known = picture.known is None or bool(picture.known.any())
    return known and not camera_faults(picture.camera, picture.camera.name, domain)


def _split(pictures: Sequence[PosedPicture]) -> tuple[list[PosedPicture], list[PosedPicture]]:
    train = [picture for index, picture in enumerate(pictures) if index % HELD_OUT or len(pictures) < HELD_OUT]
    return train, list(pictures[::HELD_OUT]) if len(pictures) >= HELD_OUT else []


def _box(half_side: float, centre: Sequence[float] = (0.0, 0.0, 0.0)) -> DomainSpec:
    x, y, z = centre
    s = half_side
    return DomainSpec(
        matrix_world=((s, 0.0, 0.0, x), (0.0, s, 0.0, y), (0.0, 0.0, s, z), (0.0, 0.0, 0.0, 1.0)),
    )


def _of_transforms(file: Path, half_side: float | None, size: int) -> PictureSet:
    """Read the pictures that a file lists; none is held out unless the file says so."""
    found = read_transforms(file)
    centre, side = found.box or ((0.0, 0.0, 0.0), 1.0)
    domain = _box(side, centre) if half_side is None else _box(half_side)
    pictures = _Pictures(file, found.shared, domain, size)
    train, held_out = ([pictures.read(frame) for frame in frames] for frames in (found.frames, found.held_out))
    return PictureSet(train, held_out, domain)


class _Pictures:
    """Reads the pictures of a file, and limits their total size."""

    def __init__(self, file: Path, shared: dict[str, Any], domain: DomainSpec, size: int) -> None:
        self._file, self._shared, self._size = file, shared, size
        self._matrix = np.array(domain.matrix_world)
        self._pixels = 0

    def read(self, frame: Frame) -> PosedPicture:
        """Open a frame's picture and mask, and bring both into the plane of its pinhole."""
        try:
            declared = declared_size(frame.own, self._shared)
            picture = open_picture(frame.path, declared)
            lens = lens_of(frame.own, self._shared, picture.size)
            rgba = as_tensor(shrunk(picture, self._size))
            self._pixels += rgba.shape[0] * rgba.shape[1]
            if self._pixels > MOST_PIXELS:
                raise UnusablePicture(f"is one too many: allowed are {MOST_PIXELS:,} pixels, choose a smaller --size")
            known = None if frame.mask is None else self._mask(frame.mask, declared, picture.size)
            if lens.distortion:
                rgba, seen = undistorted(rgba, lens)
                if known is not None:
                    seen &= undistorted(known[..., None].float(), lens)[0][..., 0] > 1 - 1e-4
                known = seen
        except (UnusablePicture, UnusableLens) as error:
            is_picture = isinstance(error, UnusablePicture)
            trouble = f"names the picture {frame.name!r}, " + ("which " if is_picture else "of which ")
            raise bad_pictures(self._file, f"{trouble}{error}") from error
        pose = frame.pose.copy()
        pose[:3, 3] = (pose[:3, 3] - self._matrix[:3, 3]) / self._matrix[0, 0]
        rows: Any = tuple(tuple(row) for row in pose.tolist())
        return PosedPicture(Camera(name=frame.name, pose=rows, window=lens.window), rgba, known)

    def _mask(self, path: Path, declared: tuple[int, int] | None, size: tuple[int, int]) -> Tensor:
        """Where a picture counts [H, W]: where all of what was averaged to a pixel is white."""
        mask = open_picture(path, declared)
        if mask.size != size:
            found = f"{mask.width} x {mask.height}, and the picture {size[0]} x {size[1]}"
            raise UnusablePicture(f"has the mask {path.name} of {found}; allowed: the same size")
        opaque = mask.convert("L").point([0] * 128 + [255] * 128)
        return as_tensor(shrunk(opaque, self._size))[..., 0] > 1 - 1e-3
