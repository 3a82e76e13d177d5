"""All measures of one finished job."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.quality.colour_error import colour_error
from benchmarks.quality.looks import Looks, fog, look_at
from benchmarks.quality.mesh_validity import validity
from benchmarks.quality.recogniser import Recogniser
from benchmarks.quality.recognition import recognition
from benchmarks.quality.shape import (
    LENGTH,
    Mask,
    best_size,
    chamfer,
    floaters,
    hollowness,
    intersection_over_union,
    true_solid,
)
from sjc_blender.engine.pictures.finished_job import read_grid
from sjc_blender.engine.radiance.radiance_grid import RadianceGrid
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.views import lowest_view
from sjc_blender.surface.solidity import solidity

MEASURES = {
    "recognition": "share named right, object and colour",
    "object": "share whose object is named right",
    "colour": "share whose colour is named right",
    "janus_rate": "share of the eight views that are taken for another side",
    "iou": "intersection over union with the true shape",
    "chamfer": "mean distance of the surfaces, in 48ths of the domain's side",
    "iou_of_best_size": "intersection over union with the true shape in the size that is most like it",
    "size": "that size, as a share of the true one",
    "fog": "share of the rays that are neither stopped nor let pass",
    "floaters": "share of the matter beside the largest part",
    "hollowness": "share of the true shape's inside that is not enclosed",
    "colour_error": "CIELAB distance of the main part's colour",
    "mesh_valid": "share of the meshes that are closed and face outwards",
    "mesh_parts": "parts of the mesh",
    "evaluations": "evaluations of the network, one picture each",
    "seconds": "processor seconds of a job on one thread",
    "failed": "share of the jobs that ended in an error",
}
"""Every measure in the order of the tables, with what it is."""


@dataclass(frozen=True)
class Made:
    """A result, however it came to be.

    Attributes
    ----------
    grid : RadianceGrid
    threshold : float
        The solidity at which its surface is cut.
    lowest_view : float
        See `sjc_blender.protocol.views.lowest_view`.
    vertices, quads, normals : array
        That surface.
    """

    grid: RadianceGrid
    threshold: float
    lowest_view: float
    vertices: npt.NDArray[np.floating[Any]]
    quads: npt.NDArray[np.int32]
    normals: npt.NDArray[np.floating[Any]]

    @classmethod
    def read(cls, folder: JobFolder) -> Made:
        """Read the result of a finished job; SjcError as `read_grid`."""
        grid = read_grid(folder)
        with np.load(folder.result / "mesh.npz", allow_pickle=False) as mesh:
            lowest = lowest_view(folder.read_spec())
            return cls(grid, float(mesh["threshold"]), lowest, mesh["vertices"], mesh["faces"], mesh["normals"])

    def solid(self) -> Mask:
        """The voxels [nx, ny, nz] that the surface encloses."""
        lost = solidity(self.grid.density_grid.numpy(), self.grid.voxel_size, lowest_view=self.lowest_view)
        return lost > self.threshold


def measure(made: Made, name: str, colour: str, network: Recogniser, looks: Looks | None = None) -> dict[str, float]:
    """Measure a result that should be the object `name` in `colour`; see `MEASURES`."""
    looks = looks or look_at(made.grid)
    density, solid = made.grid.density_grid.numpy(), made.solid()
    truth = true_solid(name, made.grid)
    size, iou_of_best_size = best_size(solid, name, made.grid)
    return {
        **recognition(network, looks.pictures, name, colour),
        "iou": intersection_over_union(solid, truth),
        "chamfer": chamfer(solid, truth) * made.grid.voxel_size / LENGTH,
        "iou_of_best_size": iou_of_best_size,
        "size": size,
        "fog": fog(looks),
        "floaters": floaters(density, made.grid.voxel_size),
        "hollowness": hollowness(solid, truth),
        "colour_error": colour_error(looks, name, colour),
        **validity(made.vertices, made.quads, made.normals),
    }


def value_of(figures: Mapping[str, float | None], name: str) -> float | None:
    """A measure of a job; None where there was nothing to measure."""
    value = figures.get(name)
    return None if value is None or np.isnan(value) else value


def write_looks(folder: JobFolder, looks: Looks) -> None:
    """Keep the eight pictures of a result for the sheets; see `read_looks`."""
    pictures = (looks.pictures.clamp(0, 1) * 255.0).round().to(torch.uint8).numpy()
    np.savez_compressed(folder.path / "looks.npz", pictures=pictures)


def read_looks(folder: JobFolder) -> npt.NDArray[np.uint8] | None:
    """The pictures of a result [8, H, W, 3], sRGB, that were kept; None if there are none."""
    path = folder.path / "looks.npz"
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as kept:
        pictures: npt.NDArray[np.uint8] = kept["pictures"].transpose(0, 2, 3, 1)
    return pictures


def write_figures(folder: JobFolder, figures: dict[str, float]) -> None:
    """Keep the measures of a job in its folder; what could not be measured is null."""
    kept = {key: None if np.isnan(value) else value for key, value in figures.items()}
    (folder.path / "quality.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
