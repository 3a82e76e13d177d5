"""One job, from its spec to its result."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import torch

from ..protocol import events
from ..protocol.errors import SjcError
from ..protocol.job_folder import JobFolder
from ..protocol.model_profile import ModelProfile, load_profile
from ..protocol.spec import Camera, JobSpec, OrbitRig, scheduled
from . import checkpoint
from .live_field import write_live_field
from .pause import Pause
from .radiance.rays import camera_rays
from .radiance.renderer import render_chunked
from .reporter import Report
from .results.colour import fit_colour
from .results.mesh import extract_mesh
from .results.result import write_result
from .results.srgb import write_png
from .score_models.conditioning import Conditioner, conditioner_for
from .score_models.loading import load_score_model
from .score_models.preview_decoder import preview_decoder
from .score_models.score_model import ScoreModel
from .sjc import ScoreJacobianChaining, StepReport
from .starting_point import prepare
from .viewpoints import orbit_camera

PREVIEWS = 20
"""Previews over a run; the last one shows the finished field."""

PROGRESS_SECONDS = 0.2
"""Least time between two progress events."""


def run_job(
    folder: JobFolder,
    report: Report,
    cancelled: Callable[[], bool],
    pause: Pause | None = None,
    *,
    restart: bool = False,
) -> bool:
    """Run, or go on with, the job in `folder`.

    Parameters
    ----------
    folder : JobFolder
    report : callable
        Told every event.
    cancelled : callable
        Asked after every step; True stops the job with a checkpoint.
    pause : Pause, optional
        Kept between two steps; the checkpoint is written then.
    restart : bool
        Ignore the checkpoint and begin at the first step.

    Returns
    -------
    bool
        True when the result is written, False when cancelled.

    Raises
    ------
    SjcError
        Whatever hinders the job, in sentences.
    """
    spec = folder.read_spec()
    profile = load_profile(spec.model.source)
    report(events.Phase("loading the model"))
    model = load_score_model(spec.model)
    conditioner = conditioner_for(spec, profile, model)
    run = Run(folder, spec, profile, model, conditioner, report, pause)
    if folder.checkpoint.exists() and not restart:
        run.sjc.restore(*checkpoint.load(folder.checkpoint, scheduled(spec)))
    return run.optimise(cancelled) and run.make_results(cancelled)


class Run:
    """A job under way: the optimisation with its previews, checkpoints and results."""

    def __init__(
        self,
        folder: JobFolder,
        spec: JobSpec,
        profile: ModelProfile,
        model: ScoreModel,
        conditioner: Conditioner,
        report: Report,
        pause: Pause | None = None,
    ) -> None:
        self.folder = folder
        self.spec = spec
        self.profile = profile
        self.model = model
        self.report = report
        self.pause = pause or Pause()
        self.sjc = ScoreJacobianChaining(scheduled(spec), model, conditioner)
        self.decode_preview = preview_decoder(spec.model, profile, model)
        prepare(self.sjc, folder)
        self.seconds: dict[str, float] = {}

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.sjc.step >= self.spec.optimisation.steps

    def optimise(self, cancelled: Callable[[], bool]) -> bool:
        """Do the steps that are left; False if cancelled (the checkpoint is written then)."""
        self.report(events.Phase("optimising"))
        started, told = time.perf_counter(), 0.0
        total, first = self.spec.optimisation.steps, self.sjc.step
        preview_every = max(1, total // PREVIEWS)
        while not self.finished:
            step = self.sjc.advance()
            now = time.perf_counter()
            if now - told >= PROGRESS_SECONDS or self.finished:
                told = now
                self.report(self._progress(step, (self.sjc.step - first) / (now - started)))
            if self.sjc.step % preview_every == 0 or self.sjc.step == 1:
                self.preview()
            # Neither the rate nor the time counts how long the job stood still.
            started += self._keep_pause()
            stopped = cancelled()
            if stopped or self.finished or self.sjc.step % self.spec.optimisation.checkpoint_every == 0:
                self.save_checkpoint()
            if stopped and not self.finished:
                self.report(events.Cancelled(self.sjc.step))
                return False
        if self.sjc.skipped:
            self.report(events.Warned(f"{self.sjc.skipped} of {total} steps were skipped: the model returned NaN."))
        self.seconds["optimising"] = time.perf_counter() - started
        return True

    def make_results(self, cancelled: Callable[[], bool]) -> bool:
        """Colour, mesh and files; False if cancelled."""
        started = time.perf_counter()
        self.report(events.Phase("colouring"))
        colour = fit_colour(self.sjc.field, self.model, self._colour_cameras())
        self.seconds["colouring"] = time.perf_counter() - started
        if cancelled():
            self.report(events.Cancelled(self.sjc.step))
            return False
        started = time.perf_counter()
        self.report(events.Phase("writing the results"))
        outputs = self.spec.outputs
        mesh = extract_mesh(colour.grid, outputs, self.report) if outputs.mesh else None
        self.seconds["meshing"] = time.perf_counter() - started
        result = write_result(self.folder, self.spec, colour.grid, mesh, self._metrics(colour.psnr), self.report)
        with contextlib.suppress(OSError):
            self.folder.live_field.unlink(missing_ok=True)
        self.report(result)
        return True

    def _keep_pause(self) -> float:
        """Stand still if that is wanted; give the seconds that it took."""
        if not self.pause.wanted:
            return 0.0
        began = time.perf_counter()
        self.save_checkpoint()
        self.report(events.Paused(self.sjc.step))
        self.pause.keep()
        self.report(events.WentOn(self.sjc.step))
        return time.perf_counter() - began

    def save_checkpoint(self) -> None:
        """Write the checkpoint and tell so."""
        checkpoint.save(self.folder.checkpoint, scheduled(self.spec), self.sjc.step, self.sjc.tensors())
        self.report(events.CheckpointSaved(self.folder.relative(self.folder.checkpoint), self.sjc.step))

    def preview(self) -> None:
        """Render the preview camera, decode it, write it as a PNG and the field beside it; tell so."""
        camera = self.spec.outputs.preview_camera or self._front_camera()
        size = self.model.sample_size
        rays = camera_rays(camera, size, size, device=self.model.device)
        sample = render_chunked(self.sjc.field, rays).image
        path = self.folder.previews / f"{self.sjc.step:06d}.png"
        picture = self.decode_preview(sample[None])[0]
        write_png(path, picture)
        self.report(events.Preview(self.folder.relative(path), self.sjc.step))
        live = self.folder.live_field
        # Windows replaces no file that is being read; the next one will do.
        with contextlib.suppress(SjcError):
            write_live_field(live, self.sjc.field, self.spec.domain.matrix_world, sample, picture)
            self.report(events.LiveField(self.folder.relative(live), self.sjc.step))

    def _progress(self, step: StepReport, rate: float) -> events.Progress:
        total = self.spec.optimisation.steps
        left = (total - self.sjc.step) / rate if rate > 0 else 0.0
        return events.Progress(self.sjc.step, total, rate, left, step.sigma, step.losses)

    def _front_camera(self) -> Camera:
        orbit = self.profile.orbit
        return orbit_camera(25.0, 20.0, sum(orbit.distance) / 2, sum(orbit.field_of_view) / 2, "preview")

    def _colour_cameras(self) -> list[Camera]:
        """Views all around, evenly spread over the rig's elevations (a golden-angle spiral)."""
        orbit = self.spec.cameras if isinstance(self.spec.cameras, OrbitRig) else self.profile.orbit
        count, (low, high) = self.spec.outputs.colour_views, orbit.elevation
        distance, field_of_view = sum(orbit.distance) / 2, sum(orbit.field_of_view) / 2
        return [
            orbit_camera(index * 137.508 % 360.0, low + (high - low) * (index + 0.5) / count, distance, field_of_view)
            for index in range(count)
        ]

    def _metrics(self, colour_psnr: float) -> dict[str, float]:
        metrics = {f"seconds_{name}": seconds for name, seconds in self.seconds.items()}
        metrics |= {"steps": float(self.sjc.step), "skipped_steps": float(self.sjc.skipped), "colour_psnr": colour_psnr}
        metrics["evaluations"] = float(self.sjc.evaluations)
        if self.model.device.type == "cuda":
            metrics["peak_gpu_bytes"] = float(torch.cuda.max_memory_allocated(self.model.device))
        return metrics


def told_error(error: BaseException) -> SjcError:
    """Any exception as an error in sentences."""
    if isinstance(error, SjcError):
        return error
    text = str(error)
    memory = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in text
    if memory:
        return SjcError(
            "out_of_memory",
            "The job ran out of memory.",
            "Choose a quicker preset or a lower field resolution, close other programs, then resume: "
            "the last checkpoint is kept.",
        )
    return SjcError(
        "internal_error",
        f"The engine stopped on a fault of its own ({type(error).__name__}: {text}).",
        "log.txt in the job folder has the details; please report them.",
    )
