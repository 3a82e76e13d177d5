# SPDX-License-Identifier: GPL-3.0-or-later
"""From a radiance field to a closed, coloured surface."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..protocol.errors import SjcError
from . import quad_mesh
from .dual_cubes import cut
from .folds import folded, smoothed_at
from .seen_colour import SeenColour
from .solidity import EVERYWHERE, SMOOTHING, solidity

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int32]

LOWEST, HIGHEST = 0.2, 0.5
"""Limits of the automatic threshold, as shares of the highest solidity in the field."""

UNFOLDINGS = 5
"""Times that a field is cut at most: again where quads are folded, smoothed around them."""


@dataclass(frozen=True)
class Surface:
    """A closed mesh with vertex colours.

    Attributes
    ----------
    vertices : array [V, 3] float32
        Domain units.
    faces : array [F, 4] int32
        Quads, counter-clockwise seen from outside.
    normals : array [V, 3] float32
        Unit, pointing outwards.
    colours : array [V, 3] float32
        Linear RGB in [0, 1].
    threshold : float
        Solidity at which the surface was cut.
    """

    vertices: Floats
    faces: Indices
    normals: Floats
    colours: Floats
    threshold: float

    @property
    def triangles(self) -> Indices:
        """Two triangles of each quad [2 F, 3]."""
        return np.concatenate([self.faces[:, [0, 1, 2]], self.faces[:, [0, 2, 3]]])

    @property
    def watertight(self) -> bool:
        """Whether every edge is shared by exactly two consistently oriented faces."""
        return quad_mesh.is_closed(self.faces, len(self.vertices))

    @property
    def components(self) -> int:
        """Number of separate parts."""
        return int(quad_mesh.parts(self.faces, len(self.vertices)).max()) + 1


class SurfaceCutter:
    """Cuts one field at any threshold; what does not depend on the threshold is computed once.

    Parameters
    ----------
    density : array [nx, ny, nz]
        Per domain unit, 0 or more.
    rgb : array [nx, ny, nz, 3]
        Linear.
    voxel_size : float
        In domain units. Voxel (i, j, k) has its centre at (index + 1/2) voxel_size - half the box.
    smoothing : float
        Of the density, in voxels; see `solidity`.
    lowest_view : float
        Elevation of the lowest camera that looked at the field, in degrees; see `solidity`.

    Raises
    ------
    SjcError
        ``empty_field`` if there is no density anywhere.
    """

    def __init__(
        self,
        density: Floats,
        rgb: Floats,
        voxel_size: float,
        smoothing: float = SMOOTHING,
        lowest_view: float = EVERYWHERE,
    ) -> None:
        if not density.any():
            raise empty_field()
        # Most of the box is empty, and left out. What is blurred ends within the rim, and the surface with it.
        rim = math.ceil(3 * smoothing) + 1
        occupied = [np.flatnonzero(density.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
        matter = tuple(slice(int(there[0]), int(there[-1]) + 1) for there in occupied)
        cropped = np.pad(density[matter], rim)
        self._corner = np.array([part.start - rim + 0.5 for part in matter]) - np.array(density.shape) / 2
        self._voxel_size = voxel_size
        self._solidity = solidity(cropped, voxel_size, smoothing, lowest_view)
        depths = (cropped.sum(axis=axis) * voxel_size for axis in range(3))
        self._opaque_pixels = sum(int((depth > math.log(2.0)).sum()) for depth in depths)
        for axis in range(3):
            np.moveaxis(self._solidity, axis, 0)[[0, -1]] = 0.0
        self._colour = SeenColour(cropped, np.pad(rgb[matter], [(rim, rim)] * 3 + [(0, 0)]), voxel_size)

    @property
    def automatic_threshold(self) -> float:
        """Where the mesh's silhouettes along the axes are as large as the Volume's; there is always something above it.

        A hard edge has it at 0.5; where a density fades out towards its rim, as optimised ones do, it is lower.
        """
        highest = float(self._solidity.max())
        solid = np.concatenate([self._solidity.max(axis=axis).ravel() for axis in range(3)])
        count = min(self._opaque_pixels, solid.size)
        level = float(np.partition(solid, -count)[-count]) if count else highest
        return min(max(level, LOWEST * highest), HIGHEST * highest)

    def cut(self, threshold: float | None = None) -> Surface:
        """Cut where a look from outside has lost the share `threshold` of its light.

        Separate parts with less than 2 % of the largest one's area are left out, and cavities that nothing leads
        into are filled. Where matter reaches the border of the box the surface is closed.

        Parameters
        ----------
        threshold : float or None
            In (0, 1); None takes `automatic_threshold`.

        Raises
        ------
        SjcError
            ``threshold_too_high`` if nothing in the field is that solid.
        """
        level = self.automatic_threshold if threshold is None else threshold
        if self._solidity.max() <= level:
            raise _too_high(float(self._solidity.max()), level)
        points, quads = self._sheets(level)
        normals = quad_mesh.normals(points, quads)
        return Surface(
            vertices=self._from_indices(points),
            faces=quads,
            normals=normals,
            colours=self._colour.at(points, normals),
            threshold=level,
        )

    def colours_at(self, points: Floats, normals: Floats) -> Floats:
        """Linear RGB [M, 3] seen at points [M, 3] in domain units, looked at against their normals [M, 3]."""
        return self._colour.at((points / self._voxel_size - self._corner).astype(np.float32), normals)

    def _sheets(self, level: float) -> tuple[Floats, Indices]:
        values = self._solidity
        for _ in range(UNFOLDINGS):
            points, quads = quad_mesh.solid_parts(*cut(values, level))
            wrong = folded(points, quads)
            if not wrong.any():
                break
            values = smoothed_at(values, points[quads[wrong]])
        return points, quads

    def _from_indices(self, points: Floats) -> Floats:
        return ((points + self._corner) * self._voxel_size).astype(np.float32)


def empty_field() -> SjcError:
    """Return the error for a field without any density."""
    return SjcError(
        "empty_field",
        "The field is empty: the optimisation left nothing to be seen in the domain.",
        "Lower the emptiness weight or raise the smallest timestep, or try another seed or prompt.",
    )


def _too_high(highest: float, threshold: float) -> SjcError:
    return SjcError(
        "threshold_too_high",
        f"Nothing in the field is as solid as the mesh threshold {threshold:.3g}; the most solid place has "
        f"{highest:.3g}.",
        "Choose a threshold below that, or the automatic one.",
    )
