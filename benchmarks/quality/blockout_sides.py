"""How closely blockouts keep their measures: shapes that the built-in prior would not make on its own.

``python -m benchmarks.quality.blockout_sides`` makes a Draft of each at the default looseness, and prints the sides of
its mesh's box in sides of the blockout's, how it is recognised, and the distance of its colour.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.quality.control_jobs import MODEL, OUT, ControlJob, control_job, run_here
from benchmarks.quality.jobs import QualityJob
from benchmarks.quality.occupancy_input import digest_of, write_occupancy
from benchmarks.quality.shape import Mask, empty_grid, voxel_centres
from sjc_blender.protocol.presets import new_job
from sjc_blender.protocol.spec import LOOSENESS, ProxySpec
from training.fields import box, cylinder

RESOLUTION = 64
SHAPE = ("iou", "recognition", "colour_error")


def _cuboids(points: Tensor, *boxes: tuple[float, ...]) -> Tensor:
    """Boxes of centre and half sides."""
    return torch.stack([box(points, each[:3], each[3:]) for each in boxes]).amin(0)


def _tall_chair(points: Tensor) -> Tensor:
    """A back and legs as high as the domain."""
    corners = [(x, y) for x in (-0.35, 0.35) for y in (-0.35, 0.35)]
    legs = [(x, y, -0.5, 0.08, 0.08, 0.45) for x, y in corners]
    return _cuboids(points, (0, 0, 0, 0.43, 0.43, 0.08), (0, 0.37, 0.5, 0.43, 0.06, 0.45), *legs)


def _long_car(points: Tensor) -> Tensor:
    """Long and low."""
    body = _cuboids(points, (0, 0, -0.1, 0.35, 0.95, 0.15), (0, 0.1, 0.15, 0.3, 0.4, 0.1))
    wheels = cylinder(
        torch.stack([points[:, 0].abs(), points[:, 1].abs(), points[:, 2]], -1), (0.33, 0.6, -0.25), 0.15, 0.07, axis=0
    )
    return torch.minimum(body, wheels)


def _wide_mug(points: Tensor) -> Tensor:
    """Wider than high."""
    outer = cylinder(points, (0, 0, 0), 0.7, 0.3)
    hole = cylinder(points, (0, 0, 0.15), 0.6, 0.3)
    handle = _cuboids(points, (0.8, 0, 0, 0.15, 0.08, 0.2))
    return torch.minimum(torch.maximum(outer, -hole), torch.maximum(handle, -outer))


def _bench(points: Tensor) -> Tensor:
    """A chair as wide as a bench."""
    legs = [(x, y, -0.35, 0.06, 0.06, 0.25) for x in (-0.85, 0.85) for y in (-0.2, 0.2)]
    return _cuboids(points, (0, 0, -0.1, 0.9, 0.27, 0.06), (0, 0.22, 0.2, 0.9, 0.06, 0.3), *legs)


def _rocket(points: Tensor) -> Tensor:
    """A slender cylinder with fins."""
    fins = _cuboids(points, (0, 0, -0.7, 0.45, 0.06, 0.2), (0, 0, -0.7, 0.06, 0.45, 0.2))
    return torch.minimum(cylinder(points, (0, 0, 0), 0.22, 0.9), fins)


def _flat_house(points: Tensor) -> Tensor:
    """A bungalow."""
    return _cuboids(points, (0, 0, -0.1, 0.9, 0.5, 0.2), (0, 0, 0.15, 0.95, 0.55, 0.06))


CHOSEN_BY: dict[str, tuple[str, str, Callable[[Tensor], Tensor]]] = {
    "tall chair": ("red", "chair", _tall_chair),
    "long car": ("orange", "car", _long_car),
    "wide mug": ("green", "mug", _wide_mug),
}
"""Colour, object and signed distances of the shapes by which the constants of proxies were chosen."""

JUDGED_BY: dict[str, tuple[str, str, Callable[[Tensor], Tensor]]] = {
    "bench": ("blue", "chair", _bench),
    "rocket": ("purple", "rocket", _rocket),
    "bungalow": ("yellow", "house", _flat_house),
}
"""Those that were looked at afterwards."""

SHAPES = CHOSEN_BY | JUDGED_BY


def main() -> int:
    """Make what is missing and sum it up; 130 if stopped."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.blockout_sides", description=__doc__)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--looseness", type=float, default=LOOSENESS)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    out: Path = arguments.out
    wanted = {name: held(name, arguments.looseness, out) for name in arguments.shapes}
    whole = run_here(wanted.values())
    found = {name: of_one(name, control.job) for name, control in wanted.items()}
    (out / "blockout_sides.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name, figures in found.items():
        print(name, json.dumps(figures))
    return 0 if whole else 130


def filled(name: str) -> Mask:
    """The voxels of a shape, on a cube."""
    grid = empty_grid(RESOLUTION)
    points = torch.from_numpy(voxel_centres(grid).reshape(-1, 3))
    inside: Mask = (SHAPES[name][2](points) <= 0).numpy().reshape(grid.shape)
    return inside


def held(name: str, looseness: float, out: Path) -> ControlJob:
    """The job that keeps to a shape."""
    colour, known, _ = SHAPES[name]
    shape = filled(name)
    spec = new_job(f"a {colour} {known}", preset="draft", seed=0, model={"source": MODEL, "device": "cpu"})
    spec = dataclasses.replace(
        spec, field=dataclasses.replace(spec.field, proxy=ProxySpec(digest_of(shape), looseness))
    )
    job = control_job(f"{name.replace(' ', '-')}-looseness{looseness:g}", known, colour, spec, out)
    return ControlJob(job, lambda folder: write_occupancy(folder.proxy, shape))


def of_one(name: str, job: QualityJob) -> dict[str, Any]:
    """Sides of the mesh's box in those of the shape's; nothing of a job that is not done."""
    figures = job.figures()
    if figures is None or figures["failed"]:
        return {}
    with np.load(job.folder.mesh) as mesh:
        corners = mesh["vertices"]
    places = np.argwhere(filled(name))
    sides = (np.ptp(places, axis=0) + 1) * 2 / RESOLUTION
    made = np.ptp(corners, axis=0)
    return {"sides": (made / sides).round(3).tolist(), **{key: figures.get(key) for key in SHAPE[1:]}}


if __name__ == "__main__":
    sys.exit(main())
