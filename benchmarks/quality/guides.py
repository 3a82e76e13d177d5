"""What a guide by depth gives: objects of the built-in prior in proportions that no prompt can ask for.

``python -m training control`` makes the ControlNet; ``python -m benchmarks.quality.guides --control FOLDER`` then makes
each object of `CASES` from the prompt alone and with its stretched shape as the guide, and tells the IoU of both with
that shape. Of the rocket and the house the ControlNet has seen no picture at all.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from skimage.measure import marching_cubes

from benchmarks.quality.measure import Made
from benchmarks.quality.shape import Mask, chamfer, intersection_over_union, voxel_centres
from sjc_blender.engine.job import run_job
from sjc_blender.engine.radiance.radiance_grid import RadianceGrid
from sjc_blender.protocol.guide import guide_digest
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.presets import new_job
from sjc_blender.protocol.spec import GuideSpec
from training.shapes import Variation, distance

OUT = Path("build/quality-guides")
MESH_VOXELS = 96


@dataclass(frozen=True)
class Case:
    """An object in other proportions than its prompt alone gives."""

    colour: str
    name: str
    stretch: tuple[float, float, float]

    @property
    def label(self) -> str:
        """Its name in folders."""
        return f"{self.name}-" + "-".join(f"{factor:g}" for factor in self.stretch)

    def distance(self, points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Signed distances of points [..., 3] from the stretched object."""
        flat = torch.from_numpy(points.reshape(-1, 3))
        found: npt.NDArray[np.float32] = distance(self.name, flat, Variation(stretch=self.stretch)).numpy()
        return found.reshape(points.shape[:-1])

    def solid(self, grid: RadianceGrid) -> Mask:
        """The voxels that the stretched object fills."""
        inside: Mask = self.distance(voxel_centres(grid)) <= 0
        return inside

    def mesh(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
        """Its surface as the add-on lays a guide into a job's folder."""
        axis = np.linspace(-1, 1, MESH_VOXELS, dtype=np.float32)
        field = self.distance(np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1))
        vertices, triangles, _normals, _values = marching_cubes(field, 0.0, spacing=(2 / (MESH_VOXELS - 1),) * 3)
        return (vertices - 1).astype(np.float32), triangles.astype(np.int32)


CASES = (
    Case("red", "rocket", (1.1, 1.1, 0.65)),
    Case("green", "house", (0.65, 1.0, 1.0)),
    Case("blue", "car", (1.1, 0.7, 1.1)),
    Case("red", "chair", (0.7, 1.0, 1.0)),
)


def job_of(case: Case, control: str, preset: str, out: Path, seed: int) -> JobFolder:
    """The folder of a job; with an empty `control` it has no guide."""
    settings: dict[str, Any] = {"model": {"source": "builtin", "device": "cpu", "control": control}}
    path = out / f"{case.label if control else case.name}-{'guided' if control else 'plain'}-{preset}-seed{seed}"
    mesh = case.mesh()
    if control:
        settings["guide"] = GuideSpec(guide_digest(mesh[0].tobytes(), mesh[1].tobytes()), picture="depth")
    folder = JobFolder.create(path, new_job(f"a {case.colour} {case.name}", preset=preset, seed=seed, **settings))
    if control:
        np.savez_compressed(folder.guide, version=np.int64(1), vertices=mesh[0], triangles=mesh[1])
    return folder


def figures(folder: JobFolder, case: Case) -> dict[str, float]:
    """IoU and mean distance of the surfaces between a result and the stretched object; the job runs if it has not."""
    if not folder.is_done(("volume", "mesh")):
        run_job(folder, lambda event: None, lambda: False)
    made = Made.read(folder)
    truth, solid = case.solid(made.grid), made.solid()
    return {"iou": intersection_over_union(solid, truth), "chamfer": chamfer(solid, truth)}


def main() -> None:
    """Make what is missing, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.guides", description=__doc__)
    parser.add_argument("--control", default="", help="folder of the ControlNet; without it, the prompts alone")
    parser.add_argument("--preset", default="draft")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--objects", nargs="+", default=[case.name for case in CASES])
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    found = []
    for case in (case for case in CASES if case.name in options.objects):
        for control in ("", options.control) if options.control else ("",):
            measured = figures(job_of(case, control, options.preset, options.out, options.seed), case)
            found.append({**dataclasses.asdict(case), "guided": bool(control), **measured})
            print(
                f"{case.label}: {'guided' if control else 'plain'}: IoU {measured['iou']:.3f}, "
                f"chamfer {measured['chamfer']:.2f} voxels",
                flush=True,
            )
    (options.out / "guides.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
