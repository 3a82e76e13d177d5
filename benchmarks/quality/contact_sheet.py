"""One picture of everything that a row made: a line an object, its eight sides across."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.quality.jobs import QualityJob
from benchmarks.quality.measure import read_looks

LABEL = 14
ZOOM = 2


def write_sheet(jobs: Sequence[QualityJob], path: Path) -> None:
    """Draw all jobs that are done, with their main figures; nothing is written where there are none."""
    strips = [_strip(job) for job in jobs if job.figures() is not None]
    if not strips:
        return
    width = max(strip.width for strip in strips)
    sheet = Image.new("RGB", (width, sum(strip.height for strip in strips)), "white")
    top = 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def _strip(job: QualityJob) -> Image.Image:
    figures = job.figures() or {}
    looks = read_looks(job.folder)
    if looks is not None:
        picture = Image.fromarray(np.concatenate(list(looks), axis=1))
    else:
        picture = Image.new("RGB", (8 * 64, 16), "white")
    picture = picture.resize((picture.width * ZOOM, picture.height * ZOOM), Image.Resampling.LANCZOS)
    strip = Image.new("RGB", (picture.width, picture.height + LABEL), "white")
    strip.paste(picture, (0, LABEL))
    told = [f"{job.spec.prompt}, seed {job.spec.seed}"]
    told += ["recognised" if figures.get("recognition") else "NOT recognised"]
    told += [f"{key} {figures[key]:.2f}" for key in ("janus_rate", "iou", "chamfer") if figures.get(key) is not None]
    told += ["FAILED"] if figures.get("failed") else []
    ImageDraw.Draw(strip).text((4, 1), ", ".join(told), fill="black")
    return strip
