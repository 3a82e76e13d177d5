"""What an edit does: a finished object with another prompt, in a region.

``python -m benchmarks.quality.edits`` makes a red chair, edits it (an interrupted run goes on), compares every value of
the field outside of the region with what it was, and asks the recogniser what the result is.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.quality import worker
from benchmarks.quality.colour_error import colour_error
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
from benchmarks.quality.looks import look_at
from benchmarks.quality.occupancy_input import digest_of, write_occupancy
from benchmarks.quality.recogniser import COLOUR_NAMES, NAMES, recognise
from benchmarks.quality.shape import Mask, empty_grid, true_solid
from sjc_blender.engine.pictures.finished_job import read_grid
from sjc_blender.engine.radiance.radiance_grid import RadianceGrid
from sjc_blender.protocol import codec
from sjc_blender.protocol.checkpoint_content import checkpoint_content
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.overrides import merged
from sjc_blender.protocol.spec import OriginSpec
from sjc_blender.protocol.validation import spec_from_json

OLD_NAME, OLD_COLOUR = "chair", "red"
MARGIN = 2
"""Voxels of a region around the shapes that it is laid around."""


@dataclass(frozen=True)
class Edit:
    """A new prompt for a part of the old object.

    Attributes
    ----------
    row : str
        Its name in tables and folders.
    name, colour : str
        What the prompt asks for.
    upper : bool
        Whether the region is the upper half of the old object's box alone; else it holds the old and the new object.
    settings : mapping
        What is set otherwise than in the old job.
    """

    row: str
    name: str
    colour: str
    upper: bool
    settings: Mapping[str, Any] = field(default_factory=dict)


EDITS = (
    Edit("edit-whole", "duck", "blue", upper=False),
    Edit("edit-whole-anew", "duck", "blue", upper=False, settings={"field": {"origin": {"anew": True}}}),
    Edit("edit-upper", "chair", "blue", upper=True),
)


def main() -> int:
    """Make what is missing and sum it up; 130 if stopped."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.edits", description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    out: Path = parser.parse_args().out
    old = plain_job(OLD_NAME, OLD_COLOUR, out)
    if not run_here([ControlJob(old)]):
        return 130
    edits = [edited(old, edit, out) for edit in EDITS]
    if not run_here(edits):
        return 130
    jobs = [control.job for control in edits]
    found = {edit.row: summary(old, job, edit) for edit, job in zip(EDITS, jobs, strict=True)}
    text = json.dumps(found, indent=1) + "\n"
    (out / "edits.json").write_text(text, encoding="utf-8")
    write_sheet([old, *jobs], out / "edits.png")
    print(text)
    return 0


def region_of(edit: Edit, old: QualityJob) -> Mask:
    """The box of voxels that an edit may change."""
    grid = empty_grid(old.spec.field.resolution)
    inside = true_solid(OLD_NAME, grid)
    if not edit.upper:
        inside = inside | true_solid(edit.name, grid)
    places = np.argwhere(inside)
    first, last = places.min(0), places.max(0)
    low, high = first - MARGIN, last + MARGIN + 1
    if edit.upper:
        low[2] = (first[2] + last[2] + 1) // 2
    region = np.zeros(grid.shape, dtype=np.bool_)
    region[tuple(slice(max(0, a), b) for a, b in zip(low, high, strict=True))] = True
    return region


def edited(old: QualityJob, edit: Edit, out: Path) -> ControlJob:
    """The job of an edit, as the add-on makes it of a finished one with its own settings."""
    region = region_of(edit, old)
    origin = OriginSpec(checkpoint_content(old.folder.checkpoint), digest_of(region))
    field = dataclasses.replace(old.spec.field, origin=origin, proxy=None, blob_density=0.0)
    settings = dataclasses.replace(old.spec, prompt=f"a {edit.colour} {edit.name}", field=field)
    spec = spec_from_json(merged(codec.encode(settings), edit.settings))

    def lay(folder: JobFolder) -> None:
        write_occupancy(folder.region, region)
        if not folder.origin.exists():
            shutil.copyfile(old.folder.checkpoint, folder.origin)

    return ControlJob(control_job(edit.row, edit.name, edit.colour, spec, out), lay)


def summary(old: QualityJob, job: QualityJob, edit: Edit) -> dict[str, Any]:
    """What an edit kept, what it changed, and what the parts of the object look like before and after."""
    region = region_of(edit, old)
    figures = job.figures() or {}
    measures = ("recognition", "iou", "chamfer", "fog", "janus_rate", "colour_error", "seconds")
    return {
        "prompt": job.spec.prompt,
        "region_share": float(region.mean()),
        **kept(old, job, region),
        **{key: figures.get(key) for key in measures},
        "before": parts_of(old, region, edit),
        "after": parts_of(job, region, edit),
    }


def kept(old: QualityJob, job: QualityJob, region: Mask) -> dict[str, Any]:
    """Compare the fields of two checkpoints, bit by bit.

    Returns
    -------
    dict
        ``kept_values``, density and features outside of the region, ``changed_outside``, those of them that are
        not as before in every bit, ``changed_inside``, the share of those inside, ``rest_kept``, whether all
        else that belongs to the field is as before.
    """
    before, after = final_tensors(old), final_tensors(job)
    free = torch.from_numpy(region)
    count, outside, inside, rest = 0, 0, [], True
    for name in (name for name in before if name.startswith("field.")):
        a, b = before[name], after[name]
        if a.ndim != 4:
            rest = rest and same_bits(a, b)
            continue
        differs = a.view(torch.int32) != b.view(torch.int32)
        count += differs[:, ~free].numel()
        outside += int(differs[:, ~free].sum())
        inside.append(differs[:, free].flatten())
    return {
        "kept_values": count,
        "changed_outside": outside,
        "changed_inside": float(torch.cat(inside).float().mean()),
        "rest_kept": rest,
    }


def parts_of(job: QualityJob, region: Mask, edit: Edit) -> dict[str, Any]:
    """What the recogniser makes of a result, of its part inside of a region, and of the part outside."""
    grid = read_grid(job.folder)
    masks = {"all": np.ones_like(region), "inside": region, "outside": ~region}
    return {part: seen_as(grid, mask, edit) for part, mask in masks.items() if _matter(grid, mask) > 0.01}


def seen_as(grid: RadianceGrid, mask: Mask, edit: Edit) -> dict[str, Any]:
    """Name what is in some voxels, and tell how far its colour is from the old and the new one; see `colour_error`."""
    part = dataclasses.replace(grid, density_grid=grid.density_grid * torch.from_numpy(mask))
    looks = look_at(part)
    seen = recognise(worker.recogniser(), looks.pictures)
    objects, colours = seen.objects.mean(0), seen.colours.mean(0)
    return {
        "object": NAMES[int(objects.argmax())],
        "object_probability": float(objects.max()),
        "colour": COLOUR_NAMES[int(colours.argmax())],
        "colour_probability": float(colours.max()),
        "from_old_colour": colour_error(looks, OLD_NAME, OLD_COLOUR),
        "from_new_colour": colour_error(looks, edit.name, edit.colour),
    }


def _matter(grid: RadianceGrid, mask: Mask) -> float:
    """Share of a grid's density that is in some voxels."""
    density = grid.density_grid.numpy()
    return float(density[mask].sum() / density.sum())


if __name__ == "__main__":
    sys.exit(main())
