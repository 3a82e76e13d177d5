"""One object of a public model, and what is measured of it."""

from __future__ import annotations

import json
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from benchmarks.public.clip import Clip, r_precision
from benchmarks.quality.looks import fog, look_at
from benchmarks.quality.measure import write_looks
from benchmarks.speed.peak_memory import peak_bytes
from sjc_blender.engine.job import run_job
from sjc_blender.engine.pictures.finished_job import read_grid
from sjc_blender.protocol import presets
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder

LEAST_SEEN, MOST_SEEN = 0.01, 0.95
"""Share of the pictures that an object covers: below it nothing came to be, above it the box is full."""

MOST_FOG = 0.5
FIGURES = "figures.json"


@dataclass(frozen=True)
class Figures:
    """What is measured of an object.

    Attributes
    ----------
    prompt : str
    diverged : str
        Why it counts as no object: the error's code, ``"empty"``, ``"full"`` or ``"fog"``; empty if it is one.
    seconds : float
        Of the whole job, the loading of the model included.
    steps : int
    peak_bytes, peak_graphics_bytes : int
        Of main memory, by the process so far; of graphics memory, by the job.
    fog, covered : float
        See `benchmarks.quality.looks.fog`; share of the pictures that the object covers.
    r_precision : float or None
        Of its eight views among all prompts; None without CLIP.
    """

    prompt: str
    diverged: str
    seconds: float
    steps: int
    peak_bytes: int
    peak_graphics_bytes: int = 0
    fog: float = 1.0
    covered: float = 0.0
    r_precision: float | None = None


def read_prompts(file: Path) -> list[str]:
    """The prompts of a text file, one a line; empty lines and those that begin with # are left out."""
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    return list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))


def measured(
    prompts: list[str], index: int, out: Path, settings: dict[str, object], clip: Clip | None = None
) -> Figures:
    """Make an object and measure it, or read what was measured before.

    Parameters
    ----------
    prompts : list of str
        All of them, among which CLIP has to find the right one.
    index : int
        Of which one an object is made.
    out : Path
        Folder of all jobs.
    settings : dict
        Arguments of `presets.new_job`.
    clip : Clip, optional
    """
    prompt = prompts[index]
    name = re.sub(r"[^a-z0-9]+", "-", prompt.lower()).strip("-")[:60]
    path = out / f"{index:03d}-{name}"
    if (path / FIGURES).is_file():
        return Figures(**json.loads((path / FIGURES).read_text(encoding="utf-8")))
    spec = presets.new_job(prompt, **settings)  # type: ignore[arg-type]
    folder = JobFolder.create(path, spec)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    began, error = time.perf_counter(), ""
    try:
        run_job(folder, lambda event: None, lambda: False)
    except SjcError as failure:
        error = failure.code
    figures = _figures(folder, prompts, index, error, time.perf_counter() - began, clip)
    (path / FIGURES).write_text(json.dumps(asdict(figures), indent=1), encoding="utf-8")
    return figures


def _figures(
    folder: JobFolder, prompts: list[str], index: int, error: str, seconds: float, clip: Clip | None
) -> Figures:
    graphics = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    steps = folder.read_spec().optimisation.steps
    if error:
        return Figures(prompts[index], error, seconds, steps, peak_bytes(), graphics)
    looks = look_at(read_grid(folder))
    write_looks(folder, looks)
    misty, covered = fog(looks), float((looks.opacity > 0.5).float().mean())
    found = None
    if clip is not None:
        found = r_precision(clip.pictures(looks.pictures), clip.texts(prompts), index)
    why = "empty" if covered < LEAST_SEEN else "full" if covered > MOST_SEEN else "fog" if misty > MOST_FOG else ""
    return Figures(prompts[index], why, seconds, steps, peak_bytes(), graphics, misty, covered, found)
