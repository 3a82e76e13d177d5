"""What a proxy gives: objects of the built-in prior with and without a coarse shape to keep to.

``python -m benchmarks.quality.proxies`` makes what is not made yet (an interrupted run goes on), follows each job's IoU
with the true shape over its steps, and says whether the shape makes the result better, and how much sooner.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.quality.blockout import blockout
from benchmarks.quality.coarse_shape import coarse_shape
from benchmarks.quality.contact_sheet import write_sheet
from benchmarks.quality.control_jobs import (
    OUT,
    ControlJob,
    control_job,
    final_tensors,
    plain_job,
    run_here,
    same_bits,
)
from benchmarks.quality.jobs import QualityJob
from benchmarks.quality.occupancy_input import digest_of, write_occupancy
from benchmarks.quality.shape import Mask, empty_grid, intersection_over_union, true_solid
from benchmarks.quality.trail import read_trail
from sjc_blender.protocol.spec import ProxySpec

OBJECTS = {"chair": "red", "mug": "green", "car": "orange"}
FREE = "chair"
"""The object that is made with a proxy that is not kept to at all."""


@dataclass(frozen=True)
class Hold:
    """A proxy, how loosely it is kept to, and the share of the preset's steps.

    It is built of so many blocks along a side of the domain, or with none is the object's blockout.
    """

    blocks: int
    looseness: float
    share: float = 1.0

    @property
    def row(self) -> str:
        """Its name in tables and folders."""
        shape = f"blocks{self.blocks}" if self.blocks else "blockout"
        return f"{shape}-looseness{self.looseness:g}" + ("" if self.share == 1 else f"-x{self.share:g}")

    def filled(self, name: str, resolution: int) -> Mask:
        """The voxels of an object's proxy, on a cube."""
        return coarse_shape(name, self.blocks, resolution) if self.blocks else blockout(name, resolution)


HOLDS = tuple(Hold(blocks, looseness, share) for blocks, looseness in ((16, 0.5), (0, 0.25)) for share in (1.0, 0.5))
FREE_HOLD = Hold(16, 1.0)


def main() -> int:
    """Make what is missing and sum it up; 130 if stopped."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.proxies", description=__doc__)
    parser.add_argument("--objects", nargs="+", choices=OBJECTS, default=list(OBJECTS))
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    out: Path = arguments.out
    plain = [plain_job(name, OBJECTS[name], out) for name in arguments.objects]
    wanted = [ControlJob(job) for job in plain]
    wanted += [held(job, FREE_HOLD, out) for job in plain if job.name == FREE]
    wanted += [held(job, hold, out) for hold in HOLDS for job in plain]
    whole = run_here(wanted)
    found = {job.name: summary(job, out) for job in plain}
    (out / "proxies.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    write_sheet([control.job for control in wanted], out / "proxies.png")
    print(markdown(found))
    return 0 if whole else 130


def held(plain: QualityJob, hold: Hold, out: Path) -> ControlJob:
    """The same job as a plain one, but that it keeps to a coarse shape."""
    filled = hold.filled(plain.name, plain.spec.field.resolution)
    settings = plain.spec.optimisation
    spec = dataclasses.replace(
        plain.spec,
        field=dataclasses.replace(plain.spec.field, proxy=ProxySpec(digest_of(filled), hold.looseness)),
        optimisation=dataclasses.replace(settings, steps=round(settings.steps * hold.share)),
    )
    job = control_job(hold.row, plain.name, plain.colour, spec, out)
    return ControlJob(job, lambda folder: write_occupancy(folder.proxy, filled))


def summary(plain: QualityJob, out: Path) -> dict[str, Any]:
    """All that was measured of one object; what is not done is left out."""
    found: dict[str, Any] = {"plain": of_one(plain), "holds": {}}
    if not found["plain"]:
        return found
    resolution = plain.spec.field.resolution
    truth = true_solid(plain.name, empty_grid(resolution))
    for hold in HOLDS:
        job = held(plain, hold, out).job
        if job.figures() is not None:
            coarse = intersection_over_union(hold.filled(plain.name, resolution), truth)
            found["holds"][hold.row] = {"shape_iou": coarse, **of_one(job), **sooner(plain, job)}
    free = held(plain, FREE_HOLD, out).job
    if free.figures() is not None:
        states = final_tensors(plain), final_tensors(free)
        found["free_is_plain"] = states[0].keys() == states[1].keys() and all(
            same_bits(states[0][key], states[1][key]) for key in states[0]
        )
    return found


def of_one(job: QualityJob) -> dict[str, Any]:
    """Measures and trail of a job that is done, else nothing."""
    figures = job.figures()
    if figures is None:
        return {}
    trail = read_trail(job)
    last = trail[-1]
    kept = {key: figures.get(key) for key in ("iou", "chamfer", "recognition", "janus_rate", "fog", "colour_error")}
    return {
        **kept,
        "steps": last.step,
        "seconds": last.seconds,
        "trail": [[mark.step, round(mark.seconds, 2), round(mark.iou, 4)] for mark in trail],
    }


def sooner(plain: QualityJob, job: QualityJob) -> dict[str, Any]:
    """When a job was as good as the plain one at its end, and for good: no later mark is below."""
    goal, whole = (plain.figures() or {})["iou"], read_trail(plain)[-1]
    reached = None
    for mark in reversed(read_trail(job)):
        if mark.iou < goal:
            break
        reached = mark
    if reached is None:
        return {"reached_step": None, "reached_seconds": None, "time_share": None}
    return {
        "reached_step": reached.step,
        "reached_seconds": reached.seconds,
        "time_share": reached.seconds / whole.seconds,
    }


def markdown(found: dict[str, Any]) -> str:
    """The summary as a table, a line a job."""
    lines = [
        "| object | proxy | its IoU | steps | IoU | chamfer | recognised | seconds | as good after | of the time |",
        "|---" * 10 + "|",
    ]
    for name, of_object in found.items():
        plain = of_object["plain"]
        if plain:
            lines.append(f"| {name} | none | - | {_common(plain)} | - | - |")
        for row, figures in of_object["holds"].items():
            share = figures["time_share"]
            when = f"{figures['reached_step']} steps" if share is not None else "never"
            lines.append(
                f"| {name} | {row} | {figures['shape_iou']:.2f} | {_common(figures)} | {when} | "
                + (f"{share:.2f} |" if share is not None else "- |")
            )
    lines += [
        f"\n{name}, looseness 1: the same as plain, bit by bit: {of_object['free_is_plain']}"
        for name, of_object in found.items()
        if "free_is_plain" in of_object
    ]
    return "\n".join(lines)


def _common(figures: dict[str, Any]) -> str:
    return (
        f"{figures['steps']} | {figures['iou']:.3f} | {figures['chamfer']:.2f} | "
        f"{'yes' if figures['recognition'] else 'no'} | {figures['seconds']:.0f}"
    )


if __name__ == "__main__":
    sys.exit(main())
