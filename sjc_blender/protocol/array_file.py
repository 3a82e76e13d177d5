# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays in ``.npz`` files of a job, which may come from anyone: their headers are checked before memory is allocated.

Such a file is a zip of ``.npy`` files, each a short header before the numbers. Both formats can claim anything, name
compressors that fill the memory, and hold Python objects. Here only what is asked for is read, of plain numbers, up to
a size. The formats: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html and APPNOTE.TXT of zip.
"""

from __future__ import annotations

import ast
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO

MOST_ENTRIES = 64
LONGEST_HEADER = 10_000
MAGIC = b"\x93NUMPY"
PLAIN = re.compile(r"[<>|=]?([biuf])([1248])")
"""Kinds and bytes of plain numbers: b is a truth value here; halves to doubles, 8 to 64 bits."""

LARGEST_DIRECTORY = (1 << 16) + 22
"""Bytes that are read at once to find the arrays: the end of a zip with the longest remark, its list of entries."""

ENCRYPTED = 1


class BadArrays(Exception):
    """An unusable file of arrays; the message is the rest of a sentence that begins with its name."""


@dataclass(frozen=True)
class RawArray:
    """An array as it lies in a file.

    Attributes
    ----------
    dtype : str
        As NumPy writes it, such as ``"<f4"``.
    shape : tuple of int
    column_major : bool
        Whether the first index runs fastest.
    content : bytes
        Its numbers.
    """

    dtype: str
    shape: tuple[int, ...]
    column_major: bool
    content: bytes


def read_arrays(stream: IO[bytes], names: Iterable[str], largest: int) -> dict[str, RawArray]:
    """Read arrays out of an ``.npz`` file.

    Parameters
    ----------
    stream : binary file
        That can be sought in.
    names : iterable of str
        Which; others are not looked at, and those that are not there are left out.
    largest : int
        Bytes that one array may have.

    Raises
    ------
    BadArrays
        If the file is no zip of arrays, or one of them is too large, no plain numbers, or damaged.
    """
    try:
        bounded = _Bounded(stream)
        with zipfile.ZipFile(bounded) as archive:
            bounded.limit = None
            if len(archive.infolist()) > MOST_ENTRIES:
                raise BadArrays(f"it holds {len(archive.infolist())} arrays, and at most {MOST_ENTRIES} are expected")
            entries = {entry.filename: entry for entry in archive.infolist()}
            found = {name: entries[f"{name}.npy"] for name in names if f"{name}.npy" in entries}
            return {name: _read_array(archive, entry, name, largest) for name, entry in found.items()}
    except (
        *(OSError, EOFError, ValueError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error),
        *(struct.error, IndexError, OverflowError),
    ) as error:
        raise BadArrays(f"it cannot be read ({error or type(error).__name__})") from error


class _Bounded:
    """A file of which at most `limit` bytes are read at once: a zip's list of entries may be of any length."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.limit: int | None = LARGEST_DIRECTORY
        self._stream = stream
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, size: int = -1) -> bytes:
        """Read as a file does; BadArrays for more than `limit` bytes."""
        if self.limit is None:
            return self._stream.read(size)
        content = self._stream.read(self.limit + 1 if size < 0 else min(size, self.limit + 1))
        if len(content) > self.limit:
            raise BadArrays(f"the list of its arrays is longer than that of {MOST_ENTRIES} arrays")
        return content


def _read_array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, largest: int) -> RawArray:
    if entry.flag_bits & ENCRYPTED or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadArrays(f"{name!r} is encrypted, or compressed in another way than NumPy does")
    with archive.open(entry) as file:
        dtype, shape, column_major = _header(file, name)
        count = math.prod(shape) * int(dtype[-1])
        if count > largest:
            size = " x ".join(map(str, shape))
            raise BadArrays(
                f"{name!r} claims {size} numbers, more than the {largest / 1e6:g} million bytes it may have"
            )
        content = file.read(count)
    if len(content) != count:
        raise BadArrays(f"{name!r} ends after {len(content)} of its {count} bytes")
    return RawArray(dtype, shape, column_major, content)


def _header(file: IO[bytes], name: str) -> tuple[str, tuple[int, ...], bool]:
    begin = file.read(len(MAGIC) + 2)
    if begin[: len(MAGIC)] != MAGIC or len(begin) != len(MAGIC) + 2 or begin[len(MAGIC)] not in (1, 2, 3):
        raise BadArrays(f"{name!r} is no array")
    (length,) = struct.unpack("<H", file.read(2)) if begin[len(MAGIC)] == 1 else struct.unpack("<I", file.read(4))
    if length > LONGEST_HEADER:
        raise BadArrays(f"the header of {name!r} has {length} bytes")
    try:
        told = ast.literal_eval(file.read(length).decode("utf-8").strip())
        dtype, shape, column_major = told["descr"], told["shape"], told["fortran_order"]
    except (SyntaxError, ValueError, TypeError, KeyError, MemoryError, RecursionError) as error:
        raise BadArrays(f"the header of {name!r} is damaged") from error
    if not isinstance(dtype, str) or PLAIN.fullmatch(dtype) is None:
        raise BadArrays(f"{name!r} holds {str(dtype)[:40]!r}, and plain numbers are expected")
    if not isinstance(shape, tuple) or len(shape) > 8 or not all(type(size) is int and size >= 0 for size in shape):
        raise BadArrays(f"{name!r} has no shape")
    return dtype, shape, bool(column_major)
