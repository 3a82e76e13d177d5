# SPDX-License-Identifier: GPL-3.0-or-later
"""Opacity of one voxel, the scale on which "solid" and "empty" are told apart.

Density runs from 0 to hundreds per unit and means little by itself; the opacity of a voxel,
alpha = 1 - exp(-density * voxel size), is what a ray sees of it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from skimage.filters import threshold_otsu

BINS = 256
"""Of the histogram whose voxels are split."""

Array = npt.NDArray[np.float32]


def voxel_opacity(density: Array, voxel_size: float) -> Array:
    """Opacity in [0, 1) along one voxel's side, of densities per domain unit of any shape."""
    return np.asarray(-np.expm1(-density * np.float32(voxel_size)), dtype=np.float32)


def surface_threshold(opacity: Array) -> float:
    """Opacity that parts the solid voxels from the others.

    Otsu's method (1979, https://doi.org/10.1109/TSMC.1979.4310076) splits the voxels; the
    threshold is the middle between the means of the two classes. For a smooth histogram that
    is Otsu's own threshold; where nothing lies between the classes, his is any value in the
    gap (in practice its lower end, which would make every surface half a voxel too fat).

    Returns
    -------
    float
        Strictly below the largest opacity and above 0, if there is any opacity at all; else 0.
    """
    lowest, highest = float(opacity.min()), float(opacity.max())
    if (highest - lowest) / BINS <= np.spacing(np.float32(highest)):
        return highest / 2  # all the same, as far as float32 can tell: there are no two classes
    solid = opacity > threshold_otsu(opacity, nbins=BINS)
    return float(opacity[solid].mean() + opacity[~solid].mean()) / 2
