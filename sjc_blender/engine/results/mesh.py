"""From a density to a closed, coloured surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from skimage.measure import label, marching_cubes

from ...protocol.errors import SjcError
from .cleaning import FLOATER_SHARE, empty_field
from .opacity import Array, surface_threshold, voxel_opacity

if TYPE_CHECKING:
    from ..radiance.radiance_grid import RadianceGrid

Indices = npt.NDArray[np.int32]

TIE_BREAK = 1e-3
"""Share of the threshold by which the surface is cut lower, see `extract_mesh`."""


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh with vertex colours.

    Attributes
    ----------
    vertices : array [V, 3] float32
        Domain units.
    faces : array [F, 3] int32
        Counter-clockwise seen from outside.
    normals : array [V, 3] float32
        Unit, pointing outwards.
    colours : array [V, 3] float32
        Linear RGB in [0, 1].
    threshold : float
        Opacity of one voxel at which the surface was cut.
    """

    vertices: Array
    faces: Indices
    normals: Array
    colours: Array
    threshold: float

    @property
    def watertight(self) -> bool:
        """Whether every edge is shared by exactly two faces that agree on the outside."""
        corners = self.faces.astype(np.int64)
        directed = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
        forth = directed[:, 0] * len(self.vertices) + directed[:, 1]
        back = directed[:, 1] * len(self.vertices) + directed[:, 0]
        return len(np.unique(forth)) == len(forth) and np.array_equal(np.sort(forth), np.sort(back))

    @property
    def components(self) -> int:
        """Number of separate parts."""
        return int(_parts(self.faces, len(self.vertices)).max()) + 1


def extract_mesh(grid: RadianceGrid, threshold: float | None = None) -> Mesh:
    """Cut the surface at one opacity by marching cubes.

    Parts with a small share of the largest one's area are left out, and cavities that no camera
    can see are filled. Where matter reaches the box's face the surface is closed half a voxel (at
    most) outside the outermost voxel centres.

    Parameters
    ----------
    grid : RadianceGrid
    threshold : float or None
        Opacity of one voxel in (0, 1); None takes `opacity.surface_threshold`.

    Raises
    ------
    SjcError
        ``empty_field`` if nothing in the field is as opaque as the threshold.
    """
    density = grid.density_grid.detach().cpu().numpy()
    rgb = grid.rgb_grid.detach().cpu().numpy()
    if not density.any():
        raise empty_field()
    opacity = voxel_opacity(density, grid.voxel_size)
    level = surface_threshold(opacity) if threshold is None else threshold
    if opacity.max() <= level:
        raise _below_threshold(float(opacity.max()), level)
    # One layer of emptiness around the box closes the surface there.
    solid = _filled(np.pad(opacity, 1), level)
    # A hair below: at exactly half of a two-valued field marching cubes decides its ambiguous cases
    # differently in neighbouring cells, and edges get four faces.
    points, faces, _, _ = marching_cubes(solid, level * (1.0 - TIE_BREAK))
    points, faces = _without_floaters(points - 1.0, faces)
    half_extents = np.asarray(density.shape) * grid.voxel_size / 2
    vertices = ((points + 0.5) * grid.voxel_size - half_extents).astype(np.float32)
    faces = _outward(vertices, faces)
    return Mesh(
        vertices=vertices,
        faces=faces.astype(np.int32),
        normals=_normals(vertices, faces),
        colours=_colours(rgb, opacity, points),
        threshold=level,
    )


def _below_threshold(highest: float, threshold: float) -> SjcError:
    return SjcError(
        "empty_field",
        f"No voxel is as opaque as the mesh threshold {threshold:.3g}; the most opaque one has {highest:.3g}.",
        "Choose a threshold below that, or leave it to the automatic one.",
    )


def _filled(opacity: Array, level: float) -> Array:
    """`opacity` (with an empty rim) without closed cavities."""
    # Face neighbours only: emptiness that leaks by a corner alone lets no surface through.
    spaces = label(opacity <= level, connectivity=1)
    cavity = (opacity <= level) & (spaces != spaces[0, 0, 0])
    return np.where(cavity, np.float32(1.0), opacity)


def _without_floaters(vertices: Array, faces: Indices) -> tuple[Array, Indices]:
    """The surface without its small separate parts, and the vertices that are left.

    Judged on the surface: voxels that touch by a corner are one part of a cloud, but two bodies.
    """
    part = _parts(faces, len(vertices))
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    areas = np.bincount(part[faces[:, 0]], weights=np.linalg.norm(np.cross(b - a, c - a), axis=1))
    stays = (areas >= FLOATER_SHARE * areas.max())[part]
    return vertices[stays], (np.cumsum(stays) - 1)[faces[stays[faces[:, 0]]]]


def _parts(faces: Indices, count: int) -> Indices:
    """Number of the connected part that each of `count` vertices belongs to."""
    ends = (faces[:, [0, 1]].ravel(), faces[:, [1, 2]].ravel())
    links = coo_array((np.ones(len(ends[0])), ends), shape=(count, count))
    _, part = connected_components(links, directed=False)
    return np.asarray(part)


def _outward(vertices: Array, faces: Indices) -> Indices:
    """Faces wound so that the enclosed volume is positive."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    volume = np.einsum("ij,ij->", a, np.cross(b, c))
    return faces if volume > 0 else faces[:, ::-1]


def _normals(vertices: Array, faces: Indices) -> Array:
    """Unit vertex normals, the mean of the faces around each weighted by their area."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    doubled_area = np.cross(b - a, c - a)
    normals = np.zeros((len(vertices), 3))
    for corner in range(3):
        np.add.at(normals, faces[:, corner], doubled_area)
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return (normals / np.maximum(lengths, np.finfo(np.float64).tiny)).astype(np.float32)


def _colours(rgb: Array, opacity: Array, points: Array) -> Array:
    """Trilinear lookup at `points` (voxel indices), each voxel weighted by its opacity.

    Without the weight the arbitrary colour of empty voxels would bleed into the surface.
    """

    def lookup(volume: Array) -> Array:
        return np.asarray(map_coordinates(volume, points.T, order=1, mode="nearest"))

    weight = np.maximum(lookup(opacity), np.finfo(np.float32).tiny)
    channels = [lookup(rgb[..., channel] * opacity) / weight for channel in range(3)]
    return np.clip(np.stack(channels, axis=-1), 0.0, 1.0).astype(np.float32)
