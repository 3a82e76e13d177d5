"""Jobs that start from files beside their settings, done one after the other in this process.

`benchmarks.quality.proxies` and `benchmarks.quality.edits` are made of them; both compare with the same plain jobs.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.quality import worker
from benchmarks.quality.jobs import QualityJob, quality_job, weights_digest
from benchmarks.quality.trail import Trail
from sjc_blender.engine import checkpoint
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.overrides import merged
from sjc_blender.protocol.presets import new_job
from sjc_blender.protocol.spec import JobSpec, scheduled

MODEL = "builtin"
OUT = Path("build/quality-control")
SEED = 0
MARK_EVERY = 20
"""Steps from one measurement of a trail to the next."""


@dataclass(frozen=True)
class ControlJob:
    """A job, and what lays the files that it starts from into its folder."""

    job: QualityJob
    lay: Callable[[JobFolder], None] | None = None


def control_job(row: str, name: str, colour: str, spec: JobSpec, out: Path) -> QualityJob:
    """The job of a spec of the built-in prior; see `quality_job`."""
    return quality_job(row, name, colour, spec, out, _weights())


@functools.cache
def _weights() -> str:
    return weights_digest(MODEL)


def plain_job(name: str, colour: str, out: Path, **settings: Any) -> QualityJob:
    """What others are compared with: a Standard job of the built-in prior, with these settings changed."""
    base: dict[str, Any] = {
        "seed": SEED,
        "model": {"source": MODEL, "device": "cpu"},
        "optimisation": {"checkpoint_every": MARK_EVERY},
    }
    spec = new_job(f"a {colour} {name}", preset="standard", **merged(base, settings))
    return control_job("plain", name, colour, spec, out)


def run_here(jobs: Iterable[ControlJob]) -> bool:
    """Do what is not done, on one thread; False if Ctrl-C came first: the same command goes on there."""
    # Several threads that wait for each other are many times slower beside any other work.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    stop = multiprocessing.Event()
    worker.begin(stop)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    for control in jobs:
        job = control.job
        if job.figures() is None and control.lay is not None:
            control.lay(JobFolder.create(job.path, job.spec))
        if not worker.make(job, Trail(job)):
            return False
        figures = job.figures() or {}
        told = "failed" if figures["failed"] else f"IoU {figures['iou']:.3f}"
        print(f"{job.row}: {job.spec.prompt}: {told}, {figures['seconds']:.0f} s", flush=True)
    return True


def final_tensors(job: QualityJob) -> dict[str, torch.Tensor]:
    """The whole state of a finished job: field, optimiser, random numbers."""
    return checkpoint.load(job.folder.checkpoint, scheduled(job.spec))[1]


def same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether two tensors are the same, bit by bit."""
    return a.dtype == b.dtype and a.shape == b.shape and a.numpy().tobytes() == b.numpy().tobytes()
