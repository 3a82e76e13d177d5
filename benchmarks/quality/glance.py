"""All that a row made at a glance: a line an object, every colour and seed from one side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.quality.jobs import QualityJob

SIDE = 1
"""Which of the sides: half from the front, where most of an object is seen."""


def write_glance(jobs: Sequence[QualityJob], path: Path) -> None:
    """Draw all jobs that have looks, a colour's seeds side by side; nothing is written where there are none."""
    seen = [job for job in jobs if (job.path / "looks.npz").exists()]
    if not seen:
        return
    lines = [[job for job in seen if job.name == name] for name in dict.fromkeys(job.name for job in seen)]
    pictures = [[_picture(job) for job in sorted(line, key=lambda job: (job.colour, job.spec.seed))] for line in lines]
    height, width = pictures[0][0].shape[:2]
    sheet = Image.new("RGB", (width * max(map(len, pictures)), height * len(pictures)), "white")
    for row, line in enumerate(pictures):
        for column, picture in enumerate(line):
            sheet.paste(Image.fromarray(picture), (column * width, row * height))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, optimize=True)


def _picture(job: QualityJob) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with np.load(job.path / "looks.npz", allow_pickle=False) as kept:
        picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] = kept["pictures"][SIDE].transpose(1, 2, 0)
    return np.ascontiguousarray(picture)
