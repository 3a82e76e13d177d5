# SPDX-License-Identifier: GPL-3.0-or-later
"""Occupancies in a job's folder: a proxy or a region."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...protocol.array_file import BadArrays
from ...protocol.errors import SjcError
from ...protocol.plain_files import open_plain
from ...protocol.proxy import occupancy_digest
from ...protocol.validation import MAX_RESOLUTION
from ...surface.arrays import read_npz


def read_occupancy(path: Path, digest: str) -> Tensor:
    """Read the occupancy [nx, ny, nz] of 0 and 1 (uint8, on the CPU) that the add-on has laid into a job's folder.

    Parameters
    ----------
    path : Path
        ``proxy.npz`` or ``region.npz``.
    digest : str
        See `sjc_blender.protocol.proxy.occupancy_digest`.

    Raises
    ------
    SjcError
        ``proxy_missing`` (or ``region_missing``) if the file cannot be read, ``proxy_changed`` if it is not the one of
        the job's settings.
    """
    what = path.stem
    again = f"Generate the job again, with its {what}."
    try:
        with open_plain(path.parent, path) as file:
            occupancy = np.ascontiguousarray(read_npz(file, ["occupancy"], MAX_RESOLUTION**3)["occupancy"])
    except (OSError, KeyError, BadArrays) as error:
        raise SjcError(f"{what}_missing", f"The {what} {path} cannot be read: {error}.", again) from error
    if occupancy.dtype != np.uint8 or occupancy_digest(occupancy.shape, occupancy.tobytes()) != digest:
        raise SjcError(f"{what}_changed", f"The {what} {path} is not the one that the job was made with.", again)
    return torch.from_numpy(occupancy.copy())
