"""One reader of what comes from outside, as fuzzing calls it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sjc_blender.engine.image_files.picture_file import UnusablePicture
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.outside_file import UnusableFile

ALLOWED = (SjcError, UnusableFile, UnusablePicture)


@dataclass(frozen=True)
class Reader:
    """One reader.

    Attributes
    ----------
    name : str
    read : callable
        Takes bytes.
    examples : tuple of bytes
        Read rightly, or at least as what they are; mutations begin at these.
    """

    name: str
    read: Callable[[bytes], object]
    examples: tuple[bytes, ...]

    def run(self, content: bytes) -> object:
        """Read `content`; what may be raised is returned."""
        try:
            return self.read(content)
        except ALLOWED as error:
            return error


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def scratch_folder() -> Path:
    """Make a folder that is there until this process ends."""
    _KEPT.append(tempfile.TemporaryDirectory(prefix="sjc-fuzz-", ignore_cleanup_errors=True))
    return Path(_KEPT[-1].name)


def at(*parts: str) -> Callable[[Callable[[Path], object]], Callable[[bytes], object]]:
    """Make a reader of bytes from one of a path: the bytes are written there, below a folder of its own."""
    root = scratch_folder()
    path = root.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)

    def wrap(read: Callable[[Path], object]) -> Callable[[bytes], object]:
        def reader(content: bytes) -> object:
            path.write_bytes(content)
            return read(root)

        return reader

    return wrap


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()
