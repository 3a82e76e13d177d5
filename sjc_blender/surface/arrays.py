# SPDX-License-Identifier: GPL-3.0-or-later
"""NumPy arrays out of the ``.npz`` files of a job; see `sjc_blender.protocol.array_file`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from ..protocol.array_file import read_arrays


def read_npz(stream: IO[bytes], names: Iterable[str], largest: int) -> dict[str, npt.NDArray[Any]]:
    """Read arrays, of which each has at most `largest` bytes; arguments and errors as of `read_arrays`."""
    found = {}
    for name, raw in read_arrays(stream, names, largest).items():
        flat = np.frombuffer(raw.content, np.dtype(raw.dtype))
        found[name] = flat.reshape(raw.shape, order="F" if raw.column_major else "C")
    return found
