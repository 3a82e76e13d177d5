"""Whether a result's mesh is one that other programs take."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sjc_blender.surface.quad_mesh import is_closed, parts

Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.int32]


def validity(vertices: Floats, quads: Indices, normals: Floats) -> dict[str, float]:
    """Look at a mesh of quads.

    Returns
    -------
    dict
        ``mesh_valid`` is 1 if it is watertight, every part of it encloses a positive volume, and all normals point
        out of the faces around them; ``mesh_parts`` is the number of parts.
    """
    part = parts(quads, len(vertices))
    corners = vertices[quads].astype(np.float64)
    facing = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    volumes = np.bincount(part[quads[:, 0]], weights=np.einsum("qi,qi->q", corners.mean(axis=1), facing))
    of_quad = normals[quads].astype(np.float64).mean(axis=1)
    outward = bool((np.einsum("qi,qi->q", of_quad, facing) >= 0).all())
    valid = is_closed(quads, len(vertices)) and bool((volumes > 0).all()) and outward
    return {"mesh_valid": float(valid), "mesh_parts": float(part.max() + 1)}
