# SPDX-License-Identifier: GPL-3.0-or-later
"""The triangles in a job's folder whose shape steers the model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...protocol.array_file import BadArrays
from ...protocol.guide import MOST_VERTICES, guide_digest
from .input_file import read_input


def read_guide(path: Path, digest: str) -> tuple[Tensor, Tensor]:
    """Read the triangles that the add-on has laid into a job's folder.

    Parameters
    ----------
    path : Path
        ``guide.npz``.
    digest : str
        See `sjc_blender.protocol.guide.guide_digest`.

    Returns
    -------
    vertices : Tensor [V, 3], float64
        In domain units.
    triangles : Tensor [F, 3], int64
        Places in `vertices`.

    Raises
    ------
    SjcError
        ``guide_missing`` if the file cannot be read or holds no triangles, ``guide_changed`` if it is not the one of
        the job's settings.
    """
    found = read_input(path, ["vertices", "triangles"], 12 * MOST_VERTICES, _digest, digest)
    vertices, triangles = found["vertices"], found["triangles"]
    return torch.from_numpy(vertices.astype(np.float64)), torch.from_numpy(triangles.astype(np.int64))


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    vertices, triangles = arrays["vertices"], arrays["triangles"]
    _require_triangles(vertices, triangles)
    return guide_digest(vertices.tobytes(), triangles.tobytes())


def _require_triangles(vertices: np.ndarray, triangles: np.ndarray) -> None:
    if vertices.dtype != np.float32 or triangles.dtype != np.int32:
        raise BadArrays(f"its numbers are {vertices.dtype} and {triangles.dtype}, not float32 and int32")
    if vertices.ndim != 2 or triangles.ndim != 2 or (vertices.shape[1], triangles.shape[1]) != (3, 3):
        raise BadArrays("its arrays are not of three columns")
    if not len(triangles):
        raise BadArrays("it has no triangles")
    if not np.isfinite(vertices).all() or triangles.min() < 0 or triangles.max() >= len(vertices):
        raise BadArrays("its triangles have corners that are no places")
