"""One process that makes and measures objects, one after the other, on one thread.

Libraries and the model are loaded once; everything else is the engine's own way from a job folder to its result.
"""

from __future__ import annotations

import functools
import signal
import sys
from multiprocessing.synchronize import Event
from unittest import mock

import torch

from benchmarks.quality.cost import Cost
from benchmarks.quality.counted_model import CountedModel
from benchmarks.quality.jobs import QualityJob
from benchmarks.quality.looks import look_at
from benchmarks.quality.measure import Made, measure, write_figures, write_looks
from benchmarks.quality.recogniser import load_recogniser
from sjc_blender.engine import job as engine_job
from sjc_blender.engine.reporter import Report, recorded
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.protocol import events
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.spec import ModelSpec

_stop: Event | None = None

recogniser = functools.cache(load_recogniser)


@functools.cache
def model(spec: ModelSpec) -> CountedModel:
    """The model of a spec, loaded once in a process."""
    return CountedModel(load_score_model(spec))


def begin(stop: Event) -> None:
    """Set a worker process up; `stop` asks it to end after the present step. Ctrl-C is for the parent."""
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)


def stopped() -> bool:
    """Whether the runner wants to end."""
    return _stop is not None and _stop.is_set()


def make(job: QualityJob, listen: Report | None = None) -> bool:
    """Make and measure one object, or go on with it.

    An error of the engine is a result, too: it is kept, as a failure. A full disk is none.

    Parameters
    ----------
    job : QualityJob
    listen : callable, optional
        Told every event of the engine.

    Returns
    -------
    bool
        False if it was stopped before its end.
    """
    if stopped():
        return False
    before = job.figures()
    if before is not None:
        if not job.measured():
            folder = JobFolder(job.path)
            # A measure that is newer than the result; what it cost stays as it was.
            write_figures(folder, {**before, **measure(Made.read(folder), job.name, job.colour, recogniser())})
        return True
    folder = JobFolder.create(job.path, job.spec)
    network = model(job.spec.model)
    cost = Cost(job.path / "cost.json", network, resumed=folder.checkpoint.exists())
    torch.manual_seed(0)

    def report(event: events.Event) -> None:
        cost(event)
        if listen is not None:
            listen(event)

    try:
        # Loaded once for all jobs: on the CPU how much memory there is changes nothing about a model.
        with mock.patch.object(engine_job, "load_score_model", lambda spec, _level: model(spec)):
            if not engine_job.run_job(folder, recorded(folder, report), stopped):
                return False
    except SjcError as error:
        if error.code == "disk_full":
            # It says nothing of the settings: all end here, and the same command goes on once there is room.
            print(error, file=sys.stderr, flush=True)
            if _stop is not None:
                _stop.set()
            return False
        (job.path / "error.txt").write_text(f"{error.code}: {error.message}\n", encoding="utf-8")
        write_figures(folder, {"failed": 1.0, "recognition": 0.0, "object": 0.0, "colour": 0.0, **cost.figures()})
        return True
    spent = cost.figures()
    made = Made.read(folder)
    looks = look_at(made.grid)
    write_looks(folder, looks)
    figures = measure(made, job.name, job.colour, recogniser(), looks)
    write_figures(folder, {**figures, **spent, "failed": 0.0})
    return True
