# SPDX-License-Identifier: GPL-3.0-or-later
"""GGUF files: quantised weights.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The header is read here, with limits before
memory; what the numbers mean is known by diffusers.
"""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from ...protocol.errors import SjcError
from ...protocol.model_families import LARGEST_HEADER
from ...protocol.outside_file import UnusableFile, open_outside
from ...protocol.shown import shown

SUFFIX = ".gguf"
MAGIC = b"GGUF"
VERSIONS = (2, 3)
MOST_ENTRIES = 100_000
"""Tensors, settings, and texts in a list of them; the largest networks have 3000 tensors."""

MOST_DIMENSIONS = 4
LONGEST_NAME = 1000
LARGEST_ALIGNMENT = 65536
RESHAPED = "comfy.gguf.orig_shape."
"""How settings begin that say of a tensor that it has another shape than the file gives it."""


@dataclass(frozen=True)
class Kind:
    """How numbers are stored: so many in a block of so many bytes."""

    name: str
    numbers: int
    bytes: int


KINDS = {
    0: Kind("F32", 1, 4),
    1: Kind("F16", 1, 2),
    2: Kind("Q4_0", 32, 18),
    3: Kind("Q4_1", 32, 20),
    6: Kind("Q5_0", 32, 22),
    7: Kind("Q5_1", 32, 24),
    8: Kind("Q8_0", 32, 34),
    10: Kind("Q2_K", 256, 84),
    11: Kind("Q3_K", 256, 110),
    12: Kind("Q4_K", 256, 144),
    13: Kind("Q5_K", 256, 176),
    14: Kind("Q6_K", 256, 210),
    20: Kind("IQ4_NL", 32, 18),
    23: Kind("IQ4_XS", 256, 136),
    30: Kind("BF16", 1, 2),
}
"""By the format's number, those that diffusers can read."""

PLAIN = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of a setting, by the format's number of its type."""
TEXT, LIST, UNSIGNED = 8, 9, 4


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a file.

    Attributes
    ----------
    number : int
        Of its kind, see `KINDS`.
    shape : tuple of int
        As PyTorch counts: the last dimension is the one whose numbers lie side by side.
    start, size : int
        Bytes in the file.
    """

    number: int
    shape: tuple[int, ...]
    start: int
    size: int

    @property
    def kind(self) -> Kind:
        """How its numbers are stored."""
        return KINDS[self.number]

    @property
    def quantised(self) -> bool:
        """Whether its numbers need to be computed."""
        return self.kind.name not in PLAIN


def is_gguf(file: Path) -> bool:
    """Whether a file is of this format, by its name."""
    return file.suffix.lower() == SUFFIX


def gguf_tensors(file: Path) -> dict[str, StoredTensor]:
    """What a file's header says of its tensors.

    Raises
    ------
    SjcError
        ``broken_model`` if it is damaged or beyond measure, ``unsupported_file`` for kinds of numbers that are not
        known and for tensors that are to be reshaped.
    """
    try:
        with open_outside(file) as stream:
            length = os.fstat(stream.fileno()).st_size
            header = _Header(file, stream.read(min(length, LARGEST_HEADER)))
            return header.tensors(length)
    except (OSError, UnusableFile) as error:
        raise SjcError("broken_model", f"{file} {error}.", "Choose another file.") from error


def gguf_state(file: Path) -> dict[str, Any]:
    """The tensors of a file, as diffusers takes them; SjcError as `gguf_tensors`."""
    told = gguf_tensors(file)
    try:
        with open_outside(file) as stream:
            return {name: _tensor(stream, one) for name, one in told.items()}
    except (OSError, EOFError, UnusableFile) as error:
        why = f"{file} changed while it was read: {error}."
        raise SjcError("broken_model", why, "Start the job again when the file is whole.") from error


def _tensor(stream: BinaryIO, told: StoredTensor) -> torch.Tensor:
    stream.seek(told.start)
    read = np.fromfile(stream, np.uint8, told.size)
    if len(read) < told.size:
        raise EOFError(f"it ended {told.size - len(read)} bytes too early")
    content = torch.from_numpy(read)
    if not told.quantised:
        return content.view(PLAIN[told.kind.name]).reshape(told.shape)
    import gguf
    from diffusers.quantizers.gguf.utils import GGUFParameter

    *rows, last = told.shape
    blocks = content.reshape(*rows, last // told.kind.numbers * told.kind.bytes)
    parameter: torch.Tensor = GGUFParameter(blocks, quant_type=gguf.GGMLQuantizationType(told.number))
    return parameter


class _Header:
    """The beginning of a file, read piece by piece; whatever is not there, or too much, is an SjcError."""

    def __init__(self, file: Path, content: bytes) -> None:
        self._file, self._content, self._at = file, content, 0

    def tensors(self, length: int) -> dict[str, StoredTensor]:
        """Read all of it; `length` is the file's."""
        if self._bytes(4) != MAGIC:
            raise self._broken("does not begin as a GGUF file does")
        version = self._number("I")
        if version not in VERSIONS:
            raise self._broken(f"is of the version {version} of GGUF; known are 2 and 3")
        count, settings = (self._count("Q", what) for what in ("tensors", "settings"))
        alignment = 32
        for _ in range(settings):
            name, value = self._setting()
            if name.startswith(RESHAPED):
                tensor = shown(name.removeprefix(RESHAPED), 60)
                raise self._unsupported(f"holds tensors in another shape than the network has them ({tensor!r})")
            alignment = value if name == "general.alignment" and value is not None else alignment
        if not (0 < alignment <= LARGEST_ALIGNMENT and alignment & (alignment - 1) == 0):
            raise self._broken(f"has the alignment {alignment}, which is no power of two up to {LARGEST_ALIGNMENT}")
        told: dict[str, tuple[int, tuple[int, ...], int]] = {}
        for _ in range(count):
            name = self._text(LONGEST_NAME)
            if name in told:
                raise self._broken(f"has two tensors of the name {shown(name, 60)!r}")
            told[name] = self._tensor()
        begin = -(-self._at // alignment) * alignment
        return self._placed(told, begin, alignment, length)

    def _placed(
        self, told: dict[str, tuple[int, tuple[int, ...], int]], begin: int, alignment: int, length: int
    ) -> dict[str, StoredTensor]:
        """Where the tensors lie: within the file, and none on another, so that they take no more memory than it has."""
        placed, free = {}, begin
        for name, (number, shape, offset) in sorted(told.items(), key=lambda item: item[1][2]):
            kind = KINDS.get(number)
            if kind is None:
                named = ", ".join(one.name for one in KINDS.values())
                raise self._unsupported(
                    f"holds {shown(name, 60)!r} in numbers of the kind {number} of GGUF; known are {named}"
                )
            if shape[-1] % kind.numbers:
                raise self._broken(
                    f"has {shape[-1]} numbers in a row of {shown(name, 60)!r}, no multiple of its blocks"
                )
            start, size = begin + offset, math.prod(shape) // kind.numbers * kind.bytes
            if offset % alignment or start < free or start + size > length:
                raise self._broken(f"is cut off, or its tensors lie on each other, {shown(name, 60)!r} for one")
            placed[name] = StoredTensor(number, shape, start, size)
            free = start + size
        if not placed:
            raise self._broken("holds no tensors")
        return {name: placed[name] for name in told}

    def _tensor(self) -> tuple[int, tuple[int, ...], int]:
        dimensions = self._number("I")
        if not 1 <= dimensions <= MOST_DIMENSIONS:
            raise self._broken(f"has a tensor of {dimensions} dimensions")
        # The format counts the other way round: first the dimension whose numbers lie side by side.
        shape = tuple(self._number("Q") for _ in range(dimensions))[::-1]
        if not all(shape):
            raise self._broken("has a tensor without numbers")
        number, offset = self._number("I"), self._number("Q")
        return number, shape, offset

    def _setting(self) -> tuple[str, int | None]:
        """A setting's name, and its value if it is a usual whole number."""
        name, kind = self._text(LONGEST_NAME), self._number("I")
        if kind == UNSIGNED:
            return name, self._number("I")
        if kind == LIST:
            kind, count = self._number("I"), self._number("Q")
            if kind == TEXT:
                if count > MOST_ENTRIES:
                    raise self._broken(f"has {count} texts in {shown(name, 60)!r}; allowed are {MOST_ENTRIES}")
                for _ in range(count):
                    self._text(LARGEST_HEADER)
                return name, None
        else:
            count = 1
        if kind == TEXT:
            self._text(LARGEST_HEADER)
        elif kind in SCALARS:
            self._skip(count * SCALARS[kind])
        else:
            raise self._broken(f"has a setting of an unknown type, {shown(name, 60)!r}")
        return name, None

    def _text(self, most: int) -> str:
        length = self._number("Q")
        if length > most:
            raise self._broken(f"has a text of {length} bytes in its header")
        try:
            return self._bytes(length).decode()
        except UnicodeDecodeError as error:
            raise self._broken("has a text in its header that is no UTF-8") from error

    def _count(self, code: str, what: str) -> int:
        count = self._number(code)
        if count > MOST_ENTRIES:
            raise self._broken(f"tells of {count} {what}; allowed are {MOST_ENTRIES}")
        return count

    def _number(self, code: str) -> int:
        (number,) = struct.unpack("<" + code, self._bytes(struct.calcsize("<" + code)))
        return int(number)

    def _bytes(self, count: int) -> bytes:
        found = self._content[self._at : self._at + count]
        self._skip(count)
        return found

    def _skip(self, count: int) -> None:
        if count > len(self._content) - self._at:
            most = f"{LARGEST_HEADER / 1e6:.0f} MB"
            raise self._broken(f"ends within its header, or has one of more than {most}")
        self._at += count

    def _broken(self, why: str) -> SjcError:
        return SjcError("broken_model", f"{self._file} {why}.", "Download the file again, or choose another.")

    def _unsupported(self, why: str) -> SjcError:
        told = f"{self._file} {why}."
        return SjcError("unsupported_file", told, "Choose another file of the model, or its folder.")
