# SPDX-License-Identifier: GPL-3.0-or-later
"""Removal of haze and floaters from a finished density.

A field starts as a thin fog (softplus(-1) = 0.31 per unit everywhere) and the optimisation does
not clear all of it; what is left veils the Volume and joins stray blobs to the object.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from skimage.measure import label

from .opacity import Array, surface_threshold, voxel_opacity

HAZE_DENSITY = 2.0 * math.log1p(math.exp(-1.0))
"""Largest density of haze, per domain unit: twice the density a field starts with."""

HAZE_SHARE = 0.1
"""Largest opacity of haze as a share of the surface threshold, so that thin clouds are kept."""

FLOATER_SHARE = 0.02
"""A separate part with less than this share of the largest part's mass is a floater."""

VISIBLE_OPACITY = 0.05
"""A field whose opacity is nowhere larger is empty."""


def clean_density(density: Array, voxel_size: float) -> Array:
    """Set haze and floaters to 0, and leave every other voxel as it is.

    Nothing is eroded or smoothed: a part one voxel thin stays as long as it is denser than haze
    and either touches the object (by a corner is enough) or is not small beside it.

    Parameters
    ----------
    density : array [nx, ny, nz]
        Per domain unit.
    voxel_size : float
        In domain units.

    Returns
    -------
    array [nx, ny, nz] float32
        A new array; all 0 if nothing is to be seen in the field.
    """
    if _invisible(density, voxel_size):
        return np.zeros_like(density, dtype=np.float32)
    opacity = voxel_opacity(density, voxel_size)
    haze = min(HAZE_SHARE * surface_threshold(opacity), -math.expm1(-HAZE_DENSITY * voxel_size))
    occupied = opacity > haze
    return np.where(occupied & ~_floaters(occupied, opacity), density, 0.0).astype(np.float32)


def _floaters(occupied: npt.NDArray[np.bool_], mass: Array) -> npt.NDArray[np.bool_]:
    """Voxels of `occupied` in parts with less than `FLOATER_SHARE` of the heaviest part's mass.

    Parameters
    ----------
    occupied : bool array [nx, ny, nz]
        Voxels that touch by a face, an edge or a corner are one part.
    mass : array [nx, ny, nz]
        Weight of each voxel, 0 or more.
    """
    parts = label(occupied, connectivity=3)
    masses = np.bincount(parts.ravel(), weights=mass.ravel())
    masses[0] = 0.0  # what is not occupied is no part
    small = masses < FLOATER_SHARE * masses.max()
    small[0] = False
    return np.asarray(small[parts])


def _invisible(density: Array, voxel_size: float) -> bool:
    """Whether the box can be looked through along all three axes, everywhere."""
    thickest = max(float(density.sum(axis=axis).max()) for axis in range(3)) * voxel_size
    return -math.expm1(-thickest) < VISIBLE_OPACITY
