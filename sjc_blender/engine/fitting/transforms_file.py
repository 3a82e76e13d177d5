# SPDX-License-Identifier: GPL-3.0-or-later
"""``transforms.json`` of NeRF's synthetic scenes, instant-ngp and nerfstudio; each key is used or refused.

Cameras look along their -Z with +Y up, as in Blender; `transform_matrix` takes a camera to the set's world.
``applied_transform`` and ``ply_file_path`` say where that world comes from and what else stands in it: the matrices are
in it already, so both are passed over on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...protocol.errors import SjcError
from ...protocol.json_text import read_json
from ...protocol.outside_file import UnusableFile, stays_inside
from .lens import COEFFICIENTS, number

LARGEST_FILE = 64 * 2**20
MOST_FRAMES = 20_000
ENDINGS = (".png", ".jpg", ".jpeg", ".PNG", ".JPG", ".JPEG")
"""Suffixes tried for a name without one."""

OF_A_LENS = {
    *("fl_x", "fl_y", "cx", "cy", "w", "h", "camera_angle_x", "camera_angle_y", "x_fov", "y_fov", "camera_model"),
    *COEFFICIENTS,
}
SPLITS = ("train_filenames", "val_filenames", "test_filenames")
OF_A_FRAME = {"file_path", "transform_matrix", "mask_path"}
OF_A_FILE = {"frames", "scale", "offset", "aabb_scale", *SPLITS}
PASSED_OVER = {
    *("applied_transform", "applied_scale", "ply_file_path", "orientation_override", "auto_scale_poses_override"),
    *("rotation", "sharpness", "time", "colmap_im_id", "depth_file_path", "up", "render_aabb", "render_aabb_to_local"),
    *("integer_depth_scale", "depth_unit_scale_factor", "enable_depth_loading", "n_extra_learnable_dims", "version"),
    *("fps", "frame_id", "camera_id", "image_id", "timestamp", "exposure", "iso", "white_balance", "panoptic_classes"),
}
"""Keys that do not affect the cameras: about the world, depth, time or other programs."""

GEOMETRIC = re.compile(
    r"camera|lens|model|proj|fish|distort|shutter|coord|convention|axis|axes|frame|orient|rot|flip|mirror|unit|pose",
    re.IGNORECASE,
)
"""In the name of an unknown text it may change where pixels look; an unknown number may in any case."""

RIGID = 0.02
"""By how much axes of a camera may differ from being of one length and at right angles: files are rounded."""

NGP_SCALE, NGP_OFFSET = 0.33, (0.5, 0.5, 0.5)


class _Unusable(ValueError):
    """Raised for an unusable file; the message is the end of a sentence."""


@dataclass(frozen=True)
class Frame:
    """A picture's files and camera, as a file lists them.

    Attributes
    ----------
    name : str
        As it is listed.
    path : Path
    mask : Path or None
        White where the picture counts.
    pose : array [4, 4]
        Camera to the set's world, rigid.
    own : dict
        What it says of its lens.
    """

    name: str
    path: Path
    mask: Path | None
    pose: np.ndarray
    own: dict[str, Any]


@dataclass(frozen=True)
class Transforms:
    """A file's frames.

    Attributes
    ----------
    frames : list of Frame
    shared : dict
        What it says of the lens of every frame.
    held_out : list of Frame
        Those that it keeps for judging by.
    box : tuple or None
        Centre and half side of the cube that instant-ngp fills, in the set's world; None: it does not say.
    """

    frames: list[Frame]
    shared: dict[str, Any]
    held_out: list[Frame]
    box: tuple[tuple[float, float, float], float] | None = None


def read_transforms(file: Path) -> Transforms:
    """Read a file; pictures are looked for, and not opened.

    Raises
    ------
    SjcError
        ``bad_posed_pictures``.
    """
    try:
        return _understood(read_json(file, LARGEST_FILE), file.parent)
    except UnusableFile as error:
        raise bad_pictures(file, str(error)) from error
    except ValueError as error:
        raise bad_pictures(file, f"cannot be used: {error}") from error


def bad_pictures(file: Path, trouble: str) -> SjcError:
    """Return the error for an unusable file or picture."""
    return SjcError(
        "bad_posed_pictures",
        f"{file} {trouble}.",
        "The manual's page 'Make a Volume from pictures' lists what is read of it.",
    )


def _understood(data: Any, folder: Path) -> Transforms:
    if not isinstance(data, dict):
        raise _Unusable("it is no JSON object")
    _check_keys(data, OF_A_FILE | OF_A_LENS, "")
    listed = data.get("frames")
    if not isinstance(listed, list) or not listed:
        raise _Unusable("it names no pictures; allowed: a list of them under frames")
    if len(listed) > MOST_FRAMES:
        raise _Unusable(f"it has {len(listed):,} frames; allowed: up to {MOST_FRAMES:,}")
    if len({frame["time"] for frame in listed if isinstance(frame, dict) and _is_number(frame.get("time"))}) > 1:
        raise _Unusable("its frames differ in time, so the object moves; allowed: pictures of one moment")
    root = folder.resolve()
    frames = [_frame(frame, index, root) for index, frame in enumerate(listed)]
    shared = {name: data[name] for name in OF_A_LENS & data.keys()}
    train, held_out = _split(data, frames)
    return Transforms(train, shared, held_out, _box(data))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_keys(data: Mapping[str, Any], known: set[str], where: str) -> None:
    for name, value in data.items():
        if name in known or name in PASSED_OVER:
            continue
        harmless = value is None or value is False or value in ([], {}) or (_is_number(value) and value == 0)
        harmless |= isinstance(value, str) and not GEOMETRIC.search(name)
        if not harmless:
            shown = repr(value)[:60]
            raise _Unusable(
                f"{where}{name} is {shown}, which may change where the pixels look and is not understood; "
                "take it out of the file if it does not"
            )


def _frame(frame: Any, index: int, root: Path) -> Frame:
    if not isinstance(frame, dict) or not isinstance(frame.get("file_path"), str) or not frame["file_path"].strip():
        raise _Unusable(f"frame {index} has no file_path; allowed: the name of a picture")
    name = frame["file_path"]
    where = f"the frame of {name[:200]!r}: "
    _check_keys(frame, OF_A_FRAME | OF_A_LENS, where)
    try:
        pose = _pose(frame.get("transform_matrix"))
        mask = frame.get("mask_path")
        if mask is not None and not isinstance(mask, str):
            raise _Unusable("mask_path is no name of a picture")
        path = _found(root, name)
        mask_path = None if mask is None else _found(root, mask)
    except ValueError as error:
        raise _Unusable(f"{where}{error}") from error
    return Frame(name, path, mask_path, pose, {key: frame[key] for key in OF_A_LENS & frame.keys()})


def _pose(rows: Any) -> np.ndarray:
    """Return the rigid matrix of a rotation, a translation and possibly a uniform scale; refuse any other."""
    allowed = "allowed: a rotation and a place, 4 x 4 numbers"
    shape = [len(row) if isinstance(row, list) else 0 for row in rows] if isinstance(rows, list) else []
    if shape not in ([4] * 4, [4] * 3):
        raise _Unusable(f"transform_matrix is not of 4 rows of 4; {allowed}")
    matrix = np.eye(4)
    for i, row in enumerate(rows):
        matrix[i] = [number("transform_matrix", value) for value in row]
    if np.abs(matrix[3] - (0, 0, 0, 1)).max() > 1e-6:
        raise _Unusable(f"transform_matrix ends in {matrix[3].tolist()}; allowed: 0, 0, 0, 1 as its last row")
    if np.abs(matrix).max() > 1e9:
        raise _Unusable(f"transform_matrix has {np.abs(matrix).max():.3g} in it; allowed: up to 1e9")
    lengths = np.linalg.norm(matrix[:3, :3], axis=0)
    if lengths.min() < 1e-9 or lengths.max() > lengths.min() * (1 + RIGID):
        raise _Unusable(
            f"transform_matrix has axes of the lengths {lengths.round(3).tolist()}; allowed: the same for all"
        )
    axes = matrix[:3, :3] / lengths
    if np.abs(axes.T @ axes - np.eye(3)).max() > RIGID:
        raise _Unusable(f"transform_matrix is sheared; {allowed}")
    if np.linalg.det(axes) < 0:
        raise _Unusable(f"transform_matrix mirrors; {allowed} (of a right-handed world)")
    left, _, right = np.linalg.svd(axes)
    matrix[:3, :3] = left @ right
    return matrix


def _found(root: Path, named: str) -> Path:
    """The file of a name, which may lack its ending, within the folder."""
    plain = named.replace("\\", "/")
    if plain.startswith(("/", "~")) or re.match(r"[A-Za-z]:", plain) or "\0" in plain:
        raise _Unusable("the name is no relative one; allowed: a place within the folder of the file")
    try:
        found = [path for path in _candidates(root / plain) if path.is_file()]
    except OSError as error:  # a name that is too long
        raise _Unusable(f"the picture cannot be found ({error.strerror})") from error
    if not all(stays_inside(root, str(path)) for path in [root / plain, *found]):
        raise _Unusable("the picture lies outside the folder of the file; allowed: a place within it")
    if not found:
        raise _Unusable(f"there is no such picture, with or without {', '.join(ENDINGS[:3])}")
    if found[0] != root / plain and not all(path.samefile(found[0]) for path in found):
        raise _Unusable(f"it may be {found[0].name} or {found[1].name}; allowed: the name with its ending")
    return found[0]


def _candidates(path: Path) -> list[Path]:
    # Not by the suffix: that of frame.0001 is none.
    return [path, *(path.with_name(path.name + ending) for ending in ENDINGS)]


def _split(data: Mapping[str, Any], frames: Sequence[Frame]) -> tuple[list[Frame], list[Frame]]:
    """Split the frames into training and held-out ones, by the lists of names that the file may have."""
    listed = {name: data[name] for name in SPLITS if data.get(name)}
    if not listed:
        return list(frames), []
    by_name = {frame.name: frame for frame in frames}
    chosen: dict[str, list[Frame]] = {}
    for name, names in listed.items():
        if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
            raise _Unusable(f"{name} is no list of names")
        unknown = next((one for one in names if one not in by_name), None)
        if unknown is not None:
            raise _Unusable(f"{name} has {unknown[:200]!r}; allowed: what a frame has as its file_path")
        chosen[name] = [by_name[one] for one in names]
    held_out = chosen.get("test_filenames") or chosen.get("val_filenames") or []
    if "train_filenames" in chosen:
        return chosen["train_filenames"], held_out
    others = {frame.name for frames_of in chosen.values() for frame in frames_of}
    return [frame for frame in frames if frame.name not in others], held_out


def _box(data: Mapping[str, Any]) -> tuple[tuple[float, float, float], float] | None:
    """The cube that instant-ngp maps to its unit cube; aabb_scale only adds the surroundings."""
    if not {"scale", "offset", "aabb_scale"} & data.keys():
        return None
    scale = number("scale", data.get("scale", NGP_SCALE))
    offset = data.get("offset", NGP_OFFSET)
    number("aabb_scale", data.get("aabb_scale", 1))
    if not scale > 1e-6:
        raise _Unusable(f"scale is {scale:g}; allowed: above 0")
    if not isinstance(offset, (list, tuple)) or len(offset) != 3:
        raise _Unusable(f"offset is {offset!r}; allowed: three numbers")
    x, y, z = ((0.5 - number("offset", value)) / scale for value in offset)
    return (x, y, z), 0.5 / scale
