"""All that a row made at a glance: a line an object, every colour and seed from one side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.quality.jobs import QualityJob
from benchmarks.quality.measure import read_looks

SIDE = 1
"""Which of the sides: half from the front, where most of an object is seen."""


def write_glance(jobs: Sequence[QualityJob], path: Path) -> None:
    """Draw all jobs that have looks, a colour's seeds side by side; nothing is written where there are none."""
    lines: dict[str, list[Image.Image]] = {job.name: [] for job in jobs}
    for job in sorted(jobs, key=lambda job: (job.colour, job.spec.seed)):
        looks = read_looks(job.folder)
        if looks is not None:
            lines[job.name].append(Image.fromarray(np.ascontiguousarray(looks[SIDE])))
    seen = [line for line in lines.values() if line]
    if not seen:
        return
    width, height = seen[0][0].size
    sheet = Image.new("RGB", (width * max(map(len, seen)), height * len(seen)), "white")
    for row, line in enumerate(seen):
        for column, picture in enumerate(line):
            sheet.paste(picture, (column * width, row * height))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, optimize=True)
