# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a .blend without opening it: the .vdb files that it mentions, and the Blender that has written it.

Knows no bpy.
"""

from __future__ import annotations

import gzip
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

CHUNK = 1 << 22
OVERLAP = 64
"""Bytes of overlap between chunks: a digest may lie across the border."""

LARGEST = 1 << 36
"""Largest size of an uncompressed .blend."""

_DIGEST = re.compile(rb"-([0-9a-f]{12})(?![0-9a-f])")
_END = b"ENDB"
"""The last block of a .blend, a header of at most 32 bytes."""

_HEADER = re.compile(rb"BLENDER(?:[0-9]{2}-[0-9]{2}v([0-9]{4})|[-_][vV]([0-9]{3}))")
"""As Blender 5 writes it, and as those before did; the last group is the version, 405 for 4.5."""

_RAW, _GZIP, _ZSTD = b"BLENDER", b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def digests_in(path: Path) -> set[str]:
    """Return all digests of file names mentioned in a .blend, compressed or not; a few too many do no harm.

    Raises
    ------
    OSError, ValueError, EOFError
        If it cannot be read to its end, or is not a .blend.
    """
    # Not waiting for the other end of a pipe; a link to a .blend is one.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is no file")
        found: set[str] = set()
        rest = b""
        for chunk in _unpacked(file):
            found.update(match.decode("ascii") for match in _DIGEST.findall(rest + chunk))
            rest = (rest + chunk)[-OVERLAP:]
        # Not every unpacker says that its input ends too early.
        if _END not in rest:
            raise ValueError("it is no .blend, or cut off")
        return found


def saved_by(path: Path) -> tuple[int, int] | None:
    """Return the version of the Blender that wrote a .blend, compressed or not; None if it cannot be read."""
    try:
        with path.open("rb") as file:
            found = _HEADER.match(next(_unpacked(file), b""))
    except (OSError, ValueError, EOFError):
        return None
    return divmod(int(found[1] or found[2]), 100) if found is not None else None


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    begin = file.read(len(_RAW))
    file.seek(0)
    if begin == _RAW:
        source: BinaryIO = file
    elif begin.startswith(_GZIP):
        source = gzip.GzipFile(fileobj=file)  # type: ignore[assignment]  # it reads
    elif begin.startswith(_ZSTD):
        source = _zstd(file)
    else:
        raise ValueError("it is no .blend")
    read = 0
    while chunk := source.read(CHUNK):
        if not read and not chunk.startswith(_RAW):
            raise ValueError("it is no .blend")
        read += len(chunk)
        if read > LARGEST:
            raise ValueError("it unpacks to too much")
        yield chunk


def _zstd(file: BinaryIO) -> BinaryIO:
    try:
        import zstandard  # type: ignore[import-not-found]  # Blender's own
    except ImportError as error:
        raise ValueError("this Blender's Python cannot unpack zstd") from error
    reader: BinaryIO = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
    return reader
