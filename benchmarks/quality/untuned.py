"""What the shared presets make with a model that has no settings of its own, beside the bare paper at the same price.

``python -m benchmarks.quality.untuned FOLDER`` makes objects of the built-in prior's vocabulary with a model folder
without an ``sjc.json``, such as the stress prior of ``python -m training.stress``, and prints a table. An interrupted
run goes on.

Such a model's own orbit says how large an object comes out, so that the size is looked for first: the pictures that
sides are told by show every object as large as the recogniser knows it, and the IoU is that with the true shape in the
best size.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from benchmarks.quality import worker
from benchmarks.quality.interval import interval
from benchmarks.quality.janus import is_turned_at_best, shows_front
from benchmarks.quality.jobs import QualityJob, quality_job, weights_digest
from benchmarks.quality.looks import AZIMUTHS, Lens, look_at
from benchmarks.quality.measure import Made, value_of
from benchmarks.quality.recogniser import recognise
from benchmarks.quality.recognition import recognition
from benchmarks.quality.rows import Row
from benchmarks.quality.shape import intersection_over_union, true_solid
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.presets import preset_settings
from training.stress import OBJECTS

BARE_GRIDS = {"draft": 50, "standard": 80, "high": 128}
"""Voxels a side of the bare paper beside each preset."""

SIZES = tuple(0.5 + 0.05 * step for step in range(17))
COLUMNS = {
    "fog": "fog",
    "janus_rate": "Janus",
    "janus_at_best": "Janus, best turn",
    "second_front": "second front",
    "object": "recognised",
    "iou": "IoU, best size",
    "size": "size",
    "evaluations": "evaluations",
}


def rows(presets: Sequence[str]) -> list[Row]:
    """Each preset, after the bare paper with its steps."""
    found = []
    for name in presets:
        steps = preset_settings(name)["optimisation"]["steps"]
        bare = (f"optimisation.steps={steps}", f"field.resolution={BARE_GRIDS[name]}")
        found.append(Row(f"paper-{name}", f"the published settings in {steps} steps", "paper", set=bare))
        found.append(Row(name, f"the preset {name}", name))
    return found


def zoomed(size: float) -> Lens:
    """The usual lens, through which an object of this size looks as large as one of size 1 through the usual one."""
    usual = Lens.usual()
    half = math.tan(math.radians(usual.field_of_view) / 2)
    return Lens(usual.distance, 2 * math.degrees(math.atan(size * half)))


def judged(job: QualityJob) -> dict[str, float | None]:
    """The measures in `COLUMNS` of a job that is done; those of a failed one are the worst there are."""
    figures = job.figures() or {}
    spent = {"evaluations": figures.get("evaluations")}
    if figures.get("failed"):
        return {
            "fog": 1.0,
            "janus_rate": None,
            "janus_at_best": None,
            "second_front": None,
            "object": 0.0,
            "iou": 0.0,
            "size": None,
            **spent,
        }
    made = Made.read(JobFolder(job.path))
    solid = made.solid()
    iou, size = max((intersection_over_union(solid, true_solid(job.name, made.grid, size)), size) for size in SIZES)
    pictures = look_at(made.grid, zoomed(size)).pictures
    seen = recognition(worker.recogniser(), pictures, job.name, job.colour)
    sectors = recognise(worker.recogniser(), pictures).sectors
    seen["second_front"] = float(shows_front(sectors, torch.tensor(AZIMUTHS)).float().mean())
    seen["janus_at_best"] = float(is_turned_at_best(sectors, torch.tensor(AZIMUTHS)).float().mean())
    return {**seen, "fog": figures["fog"], "iou": iou, "size": size, **spent}


def table(found: Mapping[str, Sequence[Mapping[str, float | None]]]) -> str:
    """The means by row as a Markdown table, with their 95 % intervals."""
    lines = ["| setting | jobs | " + " | ".join(COLUMNS.values()) + " |", "|---" * (len(COLUMNS) + 2) + "|"]
    for name, measured in found.items():
        cells = []
        for key in COLUMNS:
            values = [value for one in measured if (value := value_of(one, key)) is not None]
            cells.append(_cell(values))
        lines.append(f"| {name} | {len(measured)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(values: Sequence[float]) -> str:
    if not values:
        return "-"
    mean = interval(values)
    if mean.mean > 20:
        return f"{mean.mean:.0f}"
    return f"{mean.mean:.2f}" + (f" ({mean.low:.2f}-{mean.high:.2f})" if mean.count > 1 else "")


def main() -> int:
    """Make what is missing, judge it, sum it up."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.untuned", description=__doc__)
    parser.add_argument("model", help="a model folder without an sjc.json")
    parser.add_argument("--presets", nargs="+", choices=BARE_GRIDS, default=["standard"])
    parser.add_argument("--objects", nargs="+", choices=OBJECTS, default=list(OBJECTS))
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--made", action="store_true", help="judge what is there, make nothing")
    parser.add_argument("--out", type=Path, default=Path("build/untuned"))
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
    vocabulary = load_profile("builtin").vocabulary
    assert vocabulary is not None
    weights = weights_digest(arguments.model)
    wanted = rows(arguments.presets)
    found: dict[str, list[dict[str, float | None]]] = {row.name: [] for row in wanted}
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        for name in arguments.objects:
            colour = vocabulary.colours[(vocabulary.objects.index(name) + seed) % len(vocabulary.colours)]
            prompt = vocabulary.template.format(colour=colour, object=name)
            for row in wanted:
                spec = row.spec(prompt, seed, arguments.model)
                job = quality_job(row.name, name, colour, spec, arguments.out, weights)
                if not job.measured():
                    if arguments.made:
                        continue
                    worker.make(job)
                figures = judged(job)
                found[row.name].append(figures)
                told = ", ".join(
                    f"{key} {value:.2f}" for key in COLUMNS if (value := value_of(figures, key)) is not None
                )
                print(f"{row.name}: {prompt}, seed {seed}: {told}", flush=True)
    print("\n" + table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
