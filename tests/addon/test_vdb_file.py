"""The bytes of the .vdb files: the same for the same grids, in the format that older programs read."""

import hashlib
import struct

import numpy as np
import pytest

from sjc_blender.addon.results import vdb_file
from sjc_blender.addon.results.object_frame import ObjectFrame
from sjc_blender.addon.results.result_files import FieldArrays

OF_BOTH_BLENDERS = "7c10b29bc00007558d6b51db91913817522cf0da6d86899ee7a8c5a7e7e7d9e1"
"""What OpenVDB 12 in Blender 4.5 and OpenVDB 13 in Blender 5.2 write of `field`."""


@pytest.fixture
def field():
    """Give filled and empty regions, tiles of one value and leaves of many."""
    n = np.arange(40 * 33 * 21, dtype=np.int64).reshape(40, 33, 21)
    density = np.zeros((40, 33, 21), np.float32)
    density[5:30, 6:20, 3:18] = ((n[5:30, 6:20, 3:18] * 7919) % 1000).astype(np.float32) / 32
    density[8:24, 8:16, 8:16] = 7
    rgb = np.stack([(n * prime % 256).astype(np.float32) / 256 for prime in (3, 5, 11)], axis=-1)
    half = np.array([1.0, 33 / 40, 21 / 40])
    return FieldArrays(density, rgb, half, 2 / 40)


def test_both_blenders_write_the_same_bytes(field, tmp_path, monkeypatch):
    monkeypatch.setattr(vdb_file, "shown_shift", lambda: 0.0)
    path = tmp_path / "a.vdb"
    vdb_file.write_vdb(field, path, ObjectFrame())
    assert struct.unpack("<Q3I?", path.read_bytes()[:21]) == (0x56444220, 224, 12, 0, True)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == OF_BOTH_BLENDERS


def test_what_is_written_is_read_back(field, tmp_path):
    vdb_file.write_vdb(field, tmp_path / "a.vdb", ObjectFrame())
    openvdb = vdb_file.import_openvdb()
    grid = openvdb.read(str(tmp_path / "a.vdb"), "density")
    read = np.zeros_like(field.density)
    # The first voxel of the file is the first with a colour, which reach one further than density but not down.
    grid.copyToArray(read, ijk=(-4, -5, -3))
    assert np.array_equal(read, field.density)


def test_the_same_grids_share_a_file_and_others_do_not(field, tmp_path):
    first = vdb_file.store_vdb(field, tmp_path / "sjc", "chair", ObjectFrame())
    before = first.stat()
    assert vdb_file.store_vdb(field, tmp_path / "sjc", "chair", ObjectFrame()) == first
    assert first.stat().st_ino == before.st_ino  # not written again; only younger, so that no clean-up takes it
    field.density[6, 7, 4] += 1
    other = vdb_file.store_vdb(field, tmp_path / "sjc", "chair", ObjectFrame())
    assert other != first and sorted(path.name for path in (tmp_path / "sjc").iterdir()) == sorted(
        [first.name, other.name]
    )


def test_a_damaged_file_of_that_name_is_replaced(field, tmp_path):
    path = vdb_file.store_vdb(field, tmp_path, "chair", ObjectFrame())
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    assert vdb_file.store_vdb(field, tmp_path, "chair", ObjectFrame()) == path
    assert path.read_bytes() == whole
