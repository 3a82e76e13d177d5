# SPDX-License-Identifier: GPL-3.0-or-later
"""Occupancies in a job's folder: a proxy or a region."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...protocol.proxy import occupancy_digest
from ...protocol.validation import MAX_RESOLUTION
from .input_file import read_input


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
    found = read_input(path, ["occupancy"], MAX_RESOLUTION**3, _digest, digest)
    return torch.from_numpy(found["occupancy"].copy())


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    occupancy = arrays["occupancy"]
    return occupancy_digest(occupancy.shape, occupancy.tobytes()) if occupancy.dtype == np.uint8 else ""
