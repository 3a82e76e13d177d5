"""How a job came to what it is: IoU with the true shape against steps and processor time."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.quality.jobs import QualityJob
from benchmarks.quality.shape import intersection_over_union, true_solid
from benchmarks.quality.worker import model
from sjc_blender.engine import checkpoint
from sjc_blender.engine.optimisation.sjc import restored_field
from sjc_blender.engine.radiance.radiance_grid import RadianceGrid
from sjc_blender.engine.results.cleaning import clean_density
from sjc_blender.protocol import atomic_write, events
from sjc_blender.protocol.spec import scheduled
from sjc_blender.protocol.views import lowest_view
from sjc_blender.surface.solidity import solidity
from sjc_blender.surface.surface import SurfaceCutter

OPTIMISING = "optimising"


@dataclass(frozen=True)
class Mark:
    """One place of a trail.

    Attributes
    ----------
    step : int
    seconds : float
        Processor time from the first step on, without what the measuring took.
    iou : float
        Of what the mesh would enclose if the job ended here.
    """

    step: int
    seconds: float
    iou: float


class Trail:
    """Hears what the engine reports, and measures every checkpoint; kept in the job's folder, over interruptions.

    Parameters
    ----------
    job : QualityJob
    """

    def __init__(self, job: QualityJob) -> None:
        self._job = job
        self._marks = read_trail(job) if job.folder.checkpoint.exists() else []
        self._began = time.process_time()

    def __call__(self, event: events.Event) -> None:
        """Hear one event."""
        if isinstance(event, events.Phase) and event.name == OPTIMISING:
            self._began = time.process_time()
        if not isinstance(event, events.CheckpointSaved):
            return
        before = self._marks[-1].seconds if self._marks else 0.0
        seconds = before + time.process_time() - self._began
        self._marks.append(Mark(event.step, seconds, _iou(self._job)))
        marks = [vars(mark) for mark in self._marks]
        atomic_write.write_text(_path(self._job), json.dumps(marks, indent=1) + "\n")
        self._began = time.process_time()


def read_trail(job: QualityJob) -> list[Mark]:
    """What was measured of a job so far."""
    path = _path(job)
    return [Mark(**mark) for mark in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []


def _path(job: QualityJob) -> Path:
    return job.path / "trail.json"


def _iou(job: QualityJob) -> float:
    """IoU with the true shape of what the mesh of the checkpoint's field encloses."""
    spec = scheduled(job.spec)
    step, tensors = checkpoint.load(job.folder.checkpoint, spec)
    field = restored_field(spec, model(job.spec.model), step, tensors)
    density = clean_density(field.density_at_voxels().detach().numpy(), field.voxel_size)
    black = torch.zeros(*density.shape, 3)
    if not density.any():
        return 0.0
    lowest = lowest_view(spec)
    level = SurfaceCutter(
        density, black.numpy(), field.voxel_size, spec.outputs.mesh_smoothing, lowest
    ).automatic_threshold
    grid = RadianceGrid(torch.from_numpy(density), black, field.half_extents, torch.zeros(3))
    return intersection_over_union(
        solidity(density, field.voxel_size, lowest_view=lowest) > level, true_solid(job.name, grid)
    )
