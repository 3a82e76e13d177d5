# SPDX-License-Identifier: GPL-3.0-or-later
"""The arrays of a finished job, read and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...protocol.array_file import BadArrays
from ...protocol.errors import SjcError
from ...protocol.job_folder import FIELD_VERSION, JobFolder
from ...protocol.plain_files import open_plain
from ...protocol.validation import MAX_RESOLUTION
from ...surface.arrays import read_npz

FIELD_ARRAYS = ("version", "density", "rgb", "half_extents", "voxel_size")
MESH_ARRAYS = ("vertices", "faces", "colours", "threshold")

LARGEST_FIELD = 3 * 4 * MAX_RESOLUTION**3
"""Largest array in bytes: the colours of the finest grid."""

LARGEST_MESH = 250_000_000
LONGEST_HALF_SIDE = 2.0
"""Of the domain, in its own units, in which it is 1."""


@dataclass(frozen=True)
class FieldArrays:
    """A radiance field on a grid of cubes, in domain units.

    Attributes
    ----------
    density : ndarray of shape (nx, ny, nz), float32
        Per domain unit of length, 0 or more.
    rgb : ndarray of shape (nx, ny, nz, 3), float32
        Linear Rec. 709.
    half_extents : ndarray of shape (3,)
    voxel_size : float
        Voxel (i, j, k) has its centre at -half_extents + (index + 1/2) voxel_size.
    """

    density: np.ndarray
    rgb: np.ndarray
    half_extents: np.ndarray
    voxel_size: float


@dataclass(frozen=True)
class MeshArrays:
    """A triangle mesh in domain units.

    Attributes
    ----------
    vertices : ndarray of shape (V, 3), float32
    faces : ndarray of shape (F, 3) or (F, 4), int32
        Triangles or quads, anticlockwise seen from outside.
    colours : ndarray of shape (V, 3), float32
        Linear Rec. 709.
    threshold : float or None
        Solidity at which it was cut, where that is known.
    """

    vertices: np.ndarray
    faces: np.ndarray
    colours: np.ndarray
    threshold: float | None = None


def read_field(folder: JobFolder) -> FieldArrays:
    """Read ``result/field.npz``.

    Raises
    ------
    SjcError
        ``no_result`` if it is not there, ``broken_result`` with what is wrong in it.
    """
    return _field(_Arrays(folder.path, folder.field, FIELD_ARRAYS, LARGEST_FIELD))


def read_field_at(path: Path) -> FieldArrays:
    """Read a field from any file of that form; errors as for `read_field`."""
    return _field(_Arrays(path.parent, path, FIELD_ARRAYS, LARGEST_FIELD))


def _field(arrays: _Arrays) -> FieldArrays:
    arrays.require_version()
    density = arrays.floats("density", (None, None, None))
    if density.size and density.min() < 0:
        raise arrays.broken("'density' is negative in places")
    rgb = arrays.floats("rgb", (*density.shape, 3))
    half_extents = arrays.floats("half_extents", (3,), np.float64)
    voxel_size = float(arrays.floats("voxel_size", (), np.float64))
    shape = np.array(density.shape)
    if not 0 <= half_extents.max() <= LONGEST_HALF_SIDE:
        raise arrays.broken(f"the domain {half_extents.tolist()} is not in its own units")
    if voxel_size <= 0 or np.abs(shape * voxel_size - 2 * half_extents).max() > voxel_size:
        raise arrays.broken(f"{shape.tolist()} voxels of {voxel_size:g} do not fill the domain {half_extents.tolist()}")
    return FieldArrays(density, rgb, half_extents, voxel_size)


def read_mesh(folder: JobFolder) -> MeshArrays:
    """Read ``result/mesh.npz``.

    Raises
    ------
    SjcError
        ``no_result`` if it is not there, ``broken_result`` with what is wrong in it.
    """
    arrays = _Arrays(folder.path, folder.mesh, MESH_ARRAYS, LARGEST_MESH)
    vertices = arrays.floats("vertices", (None, 3))
    faces = arrays.integers("faces", (None, None))
    if faces.shape[1] not in (3, 4):
        raise arrays.broken(f"'faces' have {faces.shape[1]} corners, and 3 or 4 are expected")
    if len(faces) == 0:
        raise arrays.broken("it has no faces")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise arrays.broken("'faces' name vertices that are not there")
    colours = arrays.floats("colours", vertices.shape)
    return MeshArrays(vertices, faces, colours, arrays.number("threshold"))


class _Arrays:
    """The arrays of one .npz file, checked as they are read."""

    def __init__(self, root: Path, path: Path, names: Sequence[str], largest: int) -> None:
        self._path = path
        try:
            with open_plain(root, path) as file:
                self._arrays = read_npz(file, names, largest)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise SjcError(
                "no_result",
                f"There is no {path.name} in {path.parent}: the job has not made one.",
                "Wait until the job is done, or choose the folder of a job that is.",
            ) from error
        except BadArrays as error:
            raise self.broken(str(error)) from error
        except OSError as error:
            raise self.broken(f"it cannot be read ({error.strerror or error})") from error

    def number(self, name: str) -> float | None:
        """A single finite number; None if it is not there."""
        value = self._arrays.get(name)
        usable = value is not None and value.shape == () and value.dtype.kind == "f" and np.isfinite(value)
        return float(value) if usable else None  # type: ignore[arg-type]

    def broken(self, what: str) -> SjcError:
        return SjcError(
            "broken_result", f"The result {self._path} is broken: {what}.", "Run the job again, or resume it."
        )

    def require_version(self) -> None:
        version = int(self.integers("version", ()))
        if version != FIELD_VERSION:
            raise self.broken(f"it has the format {version}, and this release reads {FIELD_VERSION}")

    def floats(self, name: str, shape: tuple[int | None, ...], dtype: type = np.float32) -> np.ndarray:
        array = self._array(name, shape, np.floating)
        with np.errstate(over="ignore"):  # what is too large for the type becomes infinite
            numbers = np.require(array, dtype, "C")
        if not np.isfinite(numbers).all():
            raise self.broken(f"{name!r} holds values that are no finite numbers")
        return numbers

    def integers(self, name: str, shape: tuple[int | None, ...]) -> np.ndarray:
        array = self._array(name, shape, np.integer)
        limits = np.iinfo(np.int32)
        if array.size and not (limits.min <= int(array.min()) and int(array.max()) <= limits.max):
            raise self.broken(f"{name!r} holds numbers of more than 32 bits")
        return np.require(array, np.int32, "C")

    def _array(self, name: str, shape: tuple[int | None, ...], kind: type) -> np.ndarray:
        if name not in self._arrays:
            raise self.broken(f"{name!r} is missing")
        array = self._arrays[name]
        fits = array.ndim == len(shape) and all(n in (None, size) for n, size in zip(shape, array.shape, strict=False))
        if not fits or not np.issubdtype(array.dtype, kind):
            wanted = "[" + ", ".join("any" if n is None else str(n) for n in shape) + "]"
            raise self.broken(
                f"{name!r} is {array.dtype} {list(array.shape)}, and {kind.__name__} {wanted} is expected"
            )
        return array
