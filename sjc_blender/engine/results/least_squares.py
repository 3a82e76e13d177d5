# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours of many voxels from the pixels that see them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt
from scipy.sparse import csr_array

Array = npt.NDArray[np.float32]

STIFFNESS = 0.5
"""Weight of staying near the back-projection, relative to the data's."""

STEPS = 15
"""Each takes the distance to the minimum to 1 / (1 + STIFFNESS) of it, or less: 0.2 % are left."""


def fit_near_back_projection(weights: csr_array, targets: Array, importance: Array) -> Array:
    """Unknowns x in [0, 1] with weights @ x near the targets, without contrasts that the targets do not ask for.

    The start x0 is the weighted back-projection, each unknown the mean of the targets that it
    takes part in. From there projected gradient descent minimises

        sum_p r_p (A x - b)_p^2 + STIFFNESS * sum_v d_v (x - x0)_v^2,    d = A^T R A 1.

    Without the second term unknowns behind one another fit the pictures' noise with opposite
    extremes, which a surface cut between them then shows. Each unknown's step, 1 / d_v, is safe
    for a non-negative A, and the stiffness bounds the number of steps needed.

    Parameters
    ----------
    weights : sparse [P, V]
        A, non-negative; the sum of a row is at most 1.
    targets : array [P, C]
        b, shares of x as the row's sum says.
    importance : array [P, C]
        r, non-negative.

    Returns
    -------
    array [V, C] float32
        0 for unknowns that no equation has.
    """
    transposed = weights.T.tocsr()
    curvature = transposed @ (importance * weights.sum(axis=1)[:, None])
    step = np.divide(1.0, curvature, out=np.zeros_like(curvature), where=curvature > 0)
    start = x = np.clip(step * (transposed @ (importance * targets)), 0.0, 1.0)
    for _ in range(STEPS):
        gradient = step * (transposed @ (importance * (weights @ x - targets))) + STIFFNESS * (x - start)
        x = np.clip(x - gradient / (1.0 + STIFFNESS), 0.0, 1.0)
    return x.astype(np.float32)


def fill_from_nearest(values: Array, known: npt.NDArray[np.bool_]) -> Array:
    """Fill every voxel that is not `known` with the value of the nearest one that is.

    Parameters
    ----------
    values : array [nx, ny, nz, C]
    known : bool array [nx, ny, nz]
        At least one True.
    """
    nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.ascontiguousarray(values[tuple(nearest)])
