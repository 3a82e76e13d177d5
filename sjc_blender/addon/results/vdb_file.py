# SPDX-License-Identifier: GPL-3.0-or-later
"""A radiance field as an OpenVDB file, written by the Blender that will read it."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import shutil
import struct
import tempfile
from pathlib import Path

import bpy
import numpy as np

from ...protocol import plain_files
from ...protocol.atomic_write import atomic_path, file_error
from ...protocol.errors import SjcError
from .all_or_nothing import note_file
from .object_frame import ObjectFrame
from .result_files import FieldArrays

DENSITY = "density"
COLOUR = "color"
CHUNK = 1 << 20

LARGEST = 4_000_000_000
"""Bytes of a .vdb that is copied while the user waits; density and colour of 512 voxels a side take half of it."""

DIGEST_LENGTH = 12
STORED_NAME = re.compile(rf".+-(?P<digest>[0-9a-f]{{{DIGEST_LENGTH}}})(-[0-9]{{1,6}})?\.vdb")
"""Name of a file that `store_vdb` has written, also of its copy under another number."""

MAGIC = b" BDV\0\0\0\0"
HEADER = "<Q3I?"
"""Magic, version of the format, major and minor of the library, whether grids can be skipped; a UUID follows."""

KNOWN_VERSIONS, WRITTEN_VERSION = (224, 225), (224, 12, 0)
UUID = b"00000000-0000-0000-0000-000000000000"

READABLE = 18_000.0
"""Density times Blender's display density at which Solid shading shows a surface and its colours."""

USUAL_PERCENTILE, LEAST_USUAL = 75.0, 100.0


def write_vdb(field: FieldArrays, path: Path, frame: ObjectFrame) -> None:
    """Write the grids ``density`` (FloatGrid) and ``color`` (Vec3SGrid, linear) in the coordinates of an object.

    Density is per unit of the object: a domain twice as large has half of it.

    Empty space is left out. Colours reach one voxel further than density does, so that
    interpolation between a filled and an empty voxel does not darken them; but not further down, for Blender's box of a
    Volume begins and ends at blocks of 8 voxels: the first block begins at the lowest filled voxel, so that a Volume
    that is dragged onto a floor stands on it. Where this Blender
    shows grids half a voxel off (see `shown_shift`), they are written as much the other way.

    Raises
    ------
    SjcError
        ``folder_not_writable`` or ``disk_full``; `path` keeps what it had.
    """
    with atomic_path(path) as temporary:
        _write(field, temporary, frame)


def store_vdb(field: FieldArrays, folder: Path, stem: str, frame: ObjectFrame) -> Path:
    """Write the grids as `write_vdb` into a file named by its digest; return its path.

    The same grids have the same bytes and so the same name: a file that is there is taken, and never written again,
    for Blender may have mapped it.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    stem : str
        How the name begins; the digest follows.

    Raises
    ------
    SjcError
        ``folder_not_writable`` or ``disk_full``; nothing is left then.
    """
    made = not folder.is_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".vdb-", dir=folder) as scratch:
            temporary = Path(scratch) / "grids.vdb"
            write_vdb(field, temporary, frame)
            path = folder / f"{stem}-{digest_of(temporary)}.vdb"
            if not path.is_file() or digest_of(path) != digest_of(temporary):
                temporary.replace(path)
                note_file(path)
            else:
                with contextlib.suppress(OSError):
                    path.touch()  # it is in use again, and not to be swept before that is saved
    except OSError as error:
        raise file_error(error, folder) from error
    except SjcError:
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise
    return path


def copy_vdb(root: Path, source: Path, folder: Path) -> Path:
    """Copy a .vdb file into a folder under its name, or use the same one that exists.

    Parameters
    ----------
    root : Path
        Folder that the file must be in, as a plain file; see `sjc_blender.protocol.plain_files`.

    Raises
    ------
    SjcError
        ``not_a_volume`` for what does not begin as OpenVDB's files do; as `plain_files.open_plain` and `store_vdb`.
    """
    with plain_files.open_plain(root, source) as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise SjcError("not_a_volume", f"{source} is no OpenVDB file.", "Import the result again.")
        size = file.seek(0, os.SEEK_END)
        if size > LARGEST:
            told = f"{source} has {size / 1e9:.0f} GB, and the largest grids of a job have {LARGEST // 10**9}."
            raise SjcError("not_a_volume", told, "Import the result again.")
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:DIGEST_LENGTH]  # type: ignore[arg-type]  # a buffered file has readinto
        path, number = folder / source.name, 1
        while path.exists() and (not path.is_file() or digest_of(path) != digest):
            number += 1
            path = folder / f"{source.stem}-{number}{source.suffix}"
        if not path.exists():
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise file_error(error, folder) from error
            file.seek(0)
            with atomic_path(path) as temporary, temporary.open("wb") as copy:
                shutil.copyfileobj(file, copy)
    return path


def _write(field: FieldArrays, path: Path, frame: ObjectFrame) -> None:
    openvdb = import_openvdb()
    near = _grown(field.density > 0)
    if near.any():
        near[:, :, : _span(field.density > 0)[2].start] = False
    box = _span(near)
    first_centre = (
        field.voxel_size * (np.array([part.start for part in box]) + 0.5 - shown_shift()) - field.half_extents
    )
    transform = openvdb.createLinearTransform(voxelSize=field.voxel_size * frame.scale)
    transform.postTranslate(((first_centre - np.array(frame.foot)) * frame.scale).tolist())
    density = _grid(openvdb.FloatGrid(), DENSITY, field.density[box] / np.float32(frame.scale), transform)
    density.gridClass = openvdb.GridClass.FOG_VOLUME
    rgb = np.where(near[box][..., None], field.rgb[box], np.float32(0))
    colour = _grid(openvdb.Vec3SGrid(), COLOUR, rgb, transform)
    _claim_room(path, density.memUsage() + colour.memUsage())
    openvdb.write(str(path), grids=[density, colour])
    _make_plain(path)


def _make_plain(path: Path) -> None:
    """Write OpenVDB 12's version and one UUID into the header.

    OpenVDB 13 says 225 where 12 says 224, at which older readers warn or refuse. Of such grids all other bytes are
    the same: the tests compare what the two Blenders write. The UUID is another one each time, and nobody's.
    """
    with path.open("r+b") as file:
        magic, version, _major, _minor, _offsets = struct.unpack(HEADER, file.read(struct.calcsize(HEADER)))
        if magic != int.from_bytes(MAGIC, "little") or version not in KNOWN_VERSIONS:
            return  # what a later OpenVDB writes is its own affair
        file.seek(len(MAGIC))
        file.write(struct.pack("<3I", *WRITTEN_VERSION))
        file.seek(struct.calcsize(HEADER))
        file.write(UUID)


def file_of(volume: bpy.types.Volume) -> Path:
    """Return the path of the file that a Volume shows."""
    return Path(os.path.normpath(bpy.path.abspath(volume.filepath, library=volume.library)))


def digest_of(path: Path) -> str:
    """Return the digest that names a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:DIGEST_LENGTH]


@functools.cache
def shown_shift() -> float:
    """Voxels by which this Blender shows every grid too far along +X, +Y and +Z: 1/2 in 4.5, 0 in 5.2.

    OpenVDB's voxel (0, 0, 0) has its centre at 0; Blender 4.5 puts its corner there, in Cycles
    as well as in its bounds. Not told by any release note, so Blender is asked.
    """
    openvdb = import_openvdb()
    grid = _grid(openvdb.FloatGrid(), DENSITY, np.ones((1, 1, 1), np.float32), openvdb.createLinearTransform(1.0))
    volume = bpy.data.volumes.new("Probe")
    obj = bpy.data.objects.new("Probe", volume)
    try:
        with tempfile.TemporaryDirectory() as folder:
            volume.filepath = str(Path(folder) / "probe.vdb")
            openvdb.write(volume.filepath, grids=[grid])
            volume.grids.load()
            return 0.5 if obj.bound_box[0][0] > -0.25 else 0.0
    finally:
        bpy.data.objects.remove(obj)
        bpy.data.volumes.remove(volume)


def display_density(density: np.ndarray) -> float:
    """Return the factor at which Solid shading shows a field [nx, ny, nz], per domain unit, as a thing with colours.

    Blender's 1 shows ours as a grey ghost. Haze that is everywhere, as a forming field has it, stays haze.
    """
    filled = density[density > 0]
    usual = float(np.percentile(filled, USUAL_PERCENTILE)) if len(filled) else 0.0
    return READABLE / max(usual, LEAST_USUAL)


def import_openvdb():  # type: ignore[no-untyped-def]  # it has no types
    """Return Blender's module openvdb; the first import takes some 40 ms."""
    bpy.utils.expose_bundled_modules()
    import openvdb

    return openvdb


def _grid(grid, name: str, values: np.ndarray, transform):  # type: ignore[no-untyped-def]
    grid.copyFromArray(np.ascontiguousarray(values))
    grid.name = name
    grid.transform = transform
    return grid


def _claim_room(path: Path, size: int) -> None:
    """Fill the file first: openvdb tells nothing of a full disk, and crashes when it reads what it left."""
    with path.open("wb") as file:
        for start in range(0, size, CHUNK):
            file.write(bytes(min(CHUNK, size - start)))


def _span(mask: np.ndarray) -> tuple[slice, slice, slice]:
    """Return the smallest box around what is true; all of it if nothing is."""
    parts = []
    for axis, size in enumerate(mask.shape):
        there = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
        parts.append(slice(int(there[0]), int(there[-1]) + 1) if len(there) else slice(0, size))
    return parts[0], parts[1], parts[2]


def _grown(mask: np.ndarray) -> np.ndarray:
    """`mask` and the voxels that touch it, corners included."""
    for axis in range(3):
        grown = mask.copy()
        ahead = [slice(None)] * 3
        behind = [slice(None)] * 3
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        grown[tuple(ahead)] |= mask[tuple(behind)]
        grown[tuple(behind)] |= mask[tuple(ahead)]
        mask = grown
    return mask
