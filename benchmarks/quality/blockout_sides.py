"""How closely blockouts keep their measures: shapes that the built-in prior would not make on its own.

``python -m benchmarks.quality.blockout_sides`` makes each at the default looseness, and prints the sides of its
mesh's box in sides of the blockout's as it was drawn, whether the recogniser sees the object and its colour, and the
share of the surface that is as colourless as the background.
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
from sjc_blender.engine.image_files.srgb import from_linear
from sjc_blender.protocol.presets import new_job
from sjc_blender.protocol.spec import LOOSENESS, ProxySpec
from training.fields import box, cylinder

GREY = 0.12
"""Difference between the channels of a colour, in sRGB, below which it counts as none."""


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


def _tower(points: Tensor) -> Tensor:
    """A house that is high and narrow."""
    return _cuboids(points, (0, 0, -0.1, 0.3, 0.25, 0.8), (0, 0, 0.8, 0.36, 0.31, 0.06))


@dataclasses.dataclass(frozen=True)
class Blockout:
    """A shape, what is asked for, and the sides of its box in domain units."""

    colour: str
    known: str
    distance: Callable[[Tensor], Tensor]
    sides: tuple[float, float, float]

    def filled(self, resolution: int) -> Mask:
        """The voxels of a cube whose centres lie inside, as the add-on fills them."""
        grid = empty_grid(resolution)
        points = torch.from_numpy(voxel_centres(grid).reshape(-1, 3))
        inside: Mask = (self.distance(points) <= 0).numpy().reshape(grid.shape)
        return inside


CHOSEN_BY = {
    "tall chair": Blockout("red", "chair", _tall_chair, (0.86, 0.86, 1.9)),
    "long car": Blockout("orange", "car", _long_car, (0.8, 1.9, 0.65)),
    "wide mug": Blockout("green", "mug", _wide_mug, (1.65, 1.4, 0.6)),
}
"""The shapes by which the constants of proxies were chosen."""

JUDGED_BY = {
    "bench": Blockout("blue", "chair", _bench, (1.82, 0.55, 1.1)),
    "rocket": Blockout("purple", "rocket", _rocket, (0.9, 0.9, 1.8)),
    "bungalow": Blockout("yellow", "house", _flat_house, (1.9, 1.1, 0.51)),
    "tower": Blockout("red", "house", _tower, (0.72, 0.62, 1.76)),
}
"""Those that were looked at afterwards."""

SHAPES = CHOSEN_BY | JUDGED_BY


def main() -> int:
    """Make what is missing and sum it up; 130 if stopped."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.blockout_sides", description=__doc__)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--looseness", type=float, default=LOOSENESS)
    parser.add_argument("--preset", choices=("draft", "standard", "high"), default="draft")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    out: Path = arguments.out
    wanted = {name: held(name, arguments.looseness, arguments.preset, out) for name in arguments.shapes}
    whole = run_here(wanted.values())
    found = {name: of_one(name, control.job) for name, control in wanted.items()}
    (out / "blockout_sides.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name, figures in found.items():
        print(name, json.dumps(figures))
    return 0 if whole else 130


def held(name: str, looseness: float, preset: str, out: Path) -> ControlJob:
    """The job that keeps to a shape."""
    wanted = SHAPES[name]
    prompt = f"a {wanted.colour} {wanted.known}"
    spec = new_job(prompt, preset=preset, seed=0, model={"source": MODEL, "device": "cpu"})
    shape = wanted.filled(spec.field.resolution)
    spec = dataclasses.replace(
        spec, field=dataclasses.replace(spec.field, proxy=ProxySpec(digest_of(shape), looseness))
    )
    row = f"{name.replace(' ', '-')}-{preset}-looseness{looseness:g}"
    job = control_job(row, wanted.known, wanted.colour, spec, out)
    return ControlJob(job, lambda folder: write_occupancy(folder.proxy, shape))


def of_one(name: str, job: QualityJob) -> dict[str, Any]:
    """What is measured of a job; nothing of one that is not done."""
    figures = job.figures()
    if figures is None or figures["failed"]:
        return {}
    with np.load(job.folder.mesh, allow_pickle=False) as mesh:
        corners, colours = mesh["vertices"], mesh["colours"]
    spread = np.ptp(from_linear(torch.from_numpy(colours)).numpy(), axis=-1)
    return {
        "sides": (np.ptp(corners, axis=0) / SHAPES[name].sides).round(3).tolist(),
        "object": figures["object"],
        "colour": figures["colour"],
        "grey": round(float((spread < GREY).mean()), 3),
    }


if __name__ == "__main__":
    sys.exit(main())
