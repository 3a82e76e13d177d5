"""Arrays of a stranger: judged by headers, before memory is taken."""

import io
import struct
import time
import tracemalloc
import zipfile

import numpy as np
import pytest

from sjc_blender.protocol.array_file import BadArrays
from sjc_blender.surface.arrays import read_npz

LIMIT = 1_000_000


def member(array) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def header(shape, descr="<f4", version=1) -> bytes:
    stream = io.BytesIO()
    write = np.lib.format.write_array_header_1_0 if version == 1 else np.lib.format.write_array_header_2_0
    write(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def raw_header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def archive(members, compression=zipfile.ZIP_DEFLATED) -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as made:
        for name, content in members.items():
            made.writestr(name, content)
    stream.seek(0)
    return stream


SHAPE = "{'descr':'<f4','fortran_order':False,'shape':"
BAD = {
    "10^12 numbers": header((10_000, 10_000, 10_000)),
    "more than may be": header((1000, 1000)),
    "numbers that are not there": header((10, 10)),
    "objects": header((1,), "|O") + b"cos\nsystem\n",
    "texts": member(np.array(["a" * 10])),
    "records": raw_header("{'descr':[('a','<f4')],'fortran_order':False,'shape':(1,)}"),
    "inner shapes": raw_header("{'descr':'<f4,(2147483647,2147483647)i4','fortran_order':False,'shape':(1,)}"),
    "long doubles": member(np.zeros(3, np.longdouble)),
    "negative": raw_header(SHAPE + "(-1,-1)}"),
    "a huge side": raw_header(SHAPE + f"({10**30},)}}"),
    "a truth value": raw_header(SHAPE + "(True,)}"),
    "many sides": raw_header(SHAPE + str((1,) * 100) + "}"),
    "deep parentheses": raw_header(SHAPE + "(" * 3000 + ")" * 3000 + "}"),
    "minus signs": raw_header("-" * 5000 + "1"),
    "unclosed": raw_header(SHAPE + "(1,"),
    "no header": raw_header("\x00\x00"),
    "a header of 2 GB": b"\x93NUMPY\x02\x00" + struct.pack("<I", 0x7FFFFFFF) + b" " * 100,
    "a later format": b"\x93NUMPY\x09\x00" + b" " * 100,
    "nothing": b"",
    "a text": b"hello",
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_what_no_job_writes_is_refused_before_memory_is_taken(content):
    stream = archive({"density.npy": content})
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(BadArrays):
        read_npz(stream, ["density"], LIMIT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - began < 1 and peak < 20_000_000


@pytest.mark.parametrize("content", [b"", b"PK", member(np.zeros(3)), b"PK\x03\x04" + b"x" * 100])
def test_what_is_no_archive_is_refused(content):
    with pytest.raises(BadArrays):
        read_npz(io.BytesIO(content), ["density"], LIMIT)


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressors_are_refused(compression):
    with pytest.raises(BadArrays):
        read_npz(archive({"density.npy": member(np.zeros(3))}, compression), ["density"], LIMIT)


def test_an_encrypted_array_and_a_damaged_one_are_refused():
    content = bytearray(archive({"density.npy": member(np.arange(1000.0))}).getvalue())
    locked = bytearray(content)
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.find(mark) + place] |= 1
    with pytest.raises(BadArrays):
        read_npz(io.BytesIO(bytes(locked)), ["density"], LIMIT)
    content[60:90] = b"\xff" * 30
    with pytest.raises(BadArrays):
        read_npz(io.BytesIO(bytes(content)), ["density"], LIMIT)


def test_what_is_not_asked_for_is_not_read():
    zeros = header((1 << 30,), "|u1") + bytes(50_000_000)
    stream = archive({"extra.npy": zeros, "density.npy": member(np.arange(6.0).reshape(2, 3)), "mine.txt": b"x"})
    tracemalloc.start()
    read = read_npz(stream, ["density", "rgb"], LIMIT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert list(read) == ["density"] and read["density"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert peak < 1_000_000


def test_thousands_of_entries_are_refused():
    with pytest.raises(BadArrays):
        read_npz(archive({f"{n}.npy": b"" for n in range(1000)}), ["density"], LIMIT)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24, dtype=np.float16).reshape(2, 3, 4),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.float64(0.5),
        np.int64(-3),
        np.zeros((0, 3), np.float32),
        np.array([True, False]),
        np.arange(5, dtype=">i4"),
    ],
)
def test_what_numpy_writes_comes_back(array):
    stream = io.BytesIO()
    np.savez_compressed(stream, density=array)
    stream.seek(0)
    read = read_npz(stream, ["density"], LIMIT)["density"]
    assert read.dtype == array.dtype and read.shape == array.shape and np.array_equal(read, array)
