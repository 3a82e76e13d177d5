"""Filled voxels in a job's folder: a proxy, a region."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...protocol.errors import SjcError
from ...protocol.proxy import occupancy_digest


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
        with np.load(path, allow_pickle=False) as arrays:
            occupancy = np.ascontiguousarray(arrays["occupancy"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise SjcError(f"{what}_missing", f"The {what} {path} cannot be read: {error}.", again) from error
    if occupancy.dtype != np.uint8 or occupancy_digest(occupancy.shape, occupancy.tobytes()) != digest:
        raise SjcError(f"{what}_changed", f"The {what} {path} is not the one that the job was made with.", again)
    return torch.from_numpy(occupancy)
