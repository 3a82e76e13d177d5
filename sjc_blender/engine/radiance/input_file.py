# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays that the add-on lays into a job's folder, such as a proxy; the job's spec has their digest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ...protocol.array_file import BadArrays
from ...protocol.errors import SjcError
from ...protocol.plain_files import open_plain
from ...surface.arrays import read_npz


def read_input(
    path: Path, names: Sequence[str], most: int, digest_of: Callable[[Mapping[str, np.ndarray]], str], digest: str
) -> dict[str, np.ndarray]:
    """Read the arrays of a file that is called after what it holds, such as ``proxy.npz``.

    Parameters
    ----------
    path : Path
    names : sequence of str
    most : int
        As of `sjc_blender.surface.arrays.read_npz`.
    digest_of : callable
        Returns the digest of the arrays; may raise `BadArrays`.
    digest : str
        The one in the job's spec.

    Raises
    ------
    SjcError
        ``proxy_missing`` and the like if the file cannot be read, ``proxy_changed`` if it is not the one of the job's
        settings.
    """
    what = path.stem
    again = f"Generate the job again, with its {what}."
    try:
        with open_plain(path.parent, path) as file:
            found = read_npz(file, names, most)
        arrays = {name: np.ascontiguousarray(found[name]) for name in names}
        told = digest_of(arrays)
    except (OSError, KeyError, BadArrays) as error:
        raise SjcError(f"{what}_missing", f"The {what} {path} cannot be read: {error}.", again) from error
    if told != digest:
        raise SjcError(f"{what}_changed", f"The {what} {path} is not the one that the job was made with.", again)
    return arrays
