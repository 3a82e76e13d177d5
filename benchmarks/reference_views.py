"""How well objects come back from pictures: ``python -m benchmarks.reference_views RENDERS``.

``benchmarks.in_blender.reference_renders`` makes the renders. Each folder is used as a model with nothing set but the
preset, and the result is compared with the shape that was rendered.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.quality.measure import Made
from benchmarks.quality.shape import Mask, intersection_over_union, voxel_centres
from sjc_blender.engine.job import run_job
from sjc_blender.protocol import presets
from sjc_blender.protocol.job_folder import JobFolder


def main() -> None:
    """Make an object of every folder, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("renders", type=Path)
    parser.add_argument("--preset", default="draft")
    parser.add_argument("--only", nargs="+", help="backgrounds")
    arguments = parser.parse_args()
    found: dict[str, list[float]] = {}
    for shape in sorted(path for path in arguments.renders.iterdir() if path.is_dir()):
        domain = json.loads((shape / "domain.json").read_text())
        for folder in sorted(path for path in shape.iterdir() if path.is_dir()):
            if arguments.only and folder.name not in arguments.only:
                continue
            began = time.perf_counter()
            iou = _iou(folder, shape.name, domain, arguments.preset)
            found.setdefault(folder.name, []).append(iou)
            print(f"{shape.name:10} {folder.name:12} {iou:.3f}  {time.perf_counter() - began:.0f} s", flush=True)
    for background, values in found.items():
        print(f"mean       {background:12} {np.mean(values):.3f}")
    print(f"mean of all: {np.mean([value for values in found.values() for value in values]):.3f}")


def _iou(folder: Path, shape: str, domain: object, preset: str) -> float:
    spec = presets.new_job("", model=str(folder), preset=preset, domain=domain)
    with tempfile.TemporaryDirectory() as place:
        job = JobFolder.create(Path(place) / "job", spec)
        run_job(job, lambda event: None, lambda: False)
        made = Made.read(job)
        return intersection_over_union(made.solid(), inside(shape, voxel_centres(made.grid)))


def inside(shape: str, points: npt.NDArray[np.float32]) -> Mask:
    """Whether points [..., 3], in domain units, lie in a shape of `benchmarks.in_blender.reference_renders`."""
    x, y, z = np.moveaxis(points, -1, 0)
    if shape == "torus":
        around: Mask = (np.hypot(x, y) - 0.5) ** 2 + z**2 < 0.18**2
        return around
    if shape == "table":
        top: Mask = (abs(x) < 0.8) & (abs(y) < 0.5) & (abs(z - 0.3) < 0.07)
        legs: Mask = (abs(abs(x) - 0.65) < 0.08) & (abs(abs(y) - 0.38) < 0.08) & (abs(z + 0.15) < 0.4)
        return top | legs
    balls = [
        x**2 + y**2 + (z - height) ** 2 < radius**2 for height, radius in ((-0.25, 0.35), (0.2, 0.25), (0.5, 0.15))
    ]
    whole: Mask = balls[0] | balls[1] | balls[2]
    return whole


if __name__ == "__main__":
    main()
