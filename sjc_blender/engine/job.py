# SPDX-License-Identifier: GPL-3.0-or-later
"""One job, from its spec to its result."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable

import torch

from ..protocol import events
from ..protocol.errors import SjcError
from ..protocol.job_folder import JobFolder
from ..protocol.memory import MemoryLevel
from ..protocol.model_profile import load_profile
from ..protocol.profile_content import ModelProfile
from ..protocol.spec import Camera, JobSpec, OrbitRig, scheduled
from ..protocol.validation import validated
from . import checkpoint
from .cameras.viewpoints import orbit_camera
from .forecast.choice import choose_level, limit_graphics, require_disk
from .forecast.free import what_is_free
from .forecast.needs import needs_of
from .forecast.out_of_memory import with_less_memory
from .forecast.step_probe import StepProbe, run_seconds
from .image_files.srgb import write_png
from .optimisation.sjc import ScoreJacobianChaining, StepReport
from .optimisation.starting_point import prepare
from .radiance.marcher import kernel_trouble
from .radiance.rays import camera_rays
from .radiance.renderer import render_chunked
from .reporter import Report
from .results.colour import fit_colour
from .results.enlarging import enlarged
from .results.live_field import write_live_field
from .results.mesh import extract_mesh
from .results.result import write_result
from .results.uncoloured import with_neighbours_colours
from .score_models.behaviour import warnings_of
from .score_models.conditioning import Conditioner, conditioner_for
from .score_models.load_errors import is_out_of_memory
from .score_models.loading import load_score_model
from .score_models.placement import Placeable, choose_device
from .score_models.preview_decoder import preview_decoder
from .score_models.score_model import ScoreModel
from .this_process.pause import Pause
from .this_process.threads import use_threads_for

PREVIEWS = 20
"""Number of previews of a run; the last one shows the finished field."""

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
    """Run or resume the job in `folder`.

    Parameters
    ----------
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
    spec = validated(folder.read_spec())
    folder.make_folders()
    if restart:
        folder.begin_results()
    profile = load_profile(spec.model.source)
    report(events.Phase("loading the model"))
    forecast, level = _prepare(folder, spec, report)
    model = load_score_model(spec.model, level)
    if isinstance(model, Placeable) and model.level != level:
        report(events.Warned(f"There was less memory than it seemed: {model.level.words}."))
    for warning in warnings_of(spec, profile, model):
        report(events.Warned(warning))
    use_threads_for(model.device, getattr(model, "parameter_count", None))
    conditioner = conditioner_for(spec, profile, model)
    run = Run(folder, spec, profile, model, conditioner, report, pause, forecast)
    if folder.has(folder.checkpoint) and not restart:
        run.restore_checkpoint()
    return run.optimise(cancelled) and run.make_results(cancelled)


def _prepare(folder: JobFolder, spec: JobSpec, report: Report) -> tuple[events.Forecast, MemoryLevel]:
    """Report the job's needs and choose its memory level; SjcError if there is not enough memory or disk space."""
    device = choose_device(spec.model.device)
    needs, free = needs_of(spec, device), what_is_free(device, folder.path)
    require_disk(needs, free, folder.path, folder.checkpoint.stat().st_size if folder.has(folder.checkpoint) else 0)
    choice = choose_level(spec.model, needs, free, device)
    for warning in choice.warnings:
        report(events.Warned(warning))
    limit_graphics(spec.model, free)
    forecast = needs.forecast(choice.level, device)
    report(forecast)
    return forecast, choice.level


SLOWER = "The fused renderer cannot be had here, and PyTorch's own operations take its place, which is slower"


class Run:
    """A running job: the optimisation with its previews, checkpoints and results."""

    def __init__(
        self,
        folder: JobFolder,
        spec: JobSpec,
        profile: ModelProfile,
        model: ScoreModel,
        conditioner: Conditioner,
        report: Report,
        pause: Pause | None = None,
        forecast: events.Forecast | None = None,
    ) -> None:
        self.folder = folder
        self.spec = spec
        self.profile = profile
        self.model = model
        self.conditioner = conditioner
        self.report = report
        self.pause = pause or Pause()
        self.forecast = forecast
        self.sjc = self._first_state()
        trouble = kernel_trouble(self.sjc.field)
        if trouble:
            report(events.Warned(f"{SLOWER} ({trouble})."))
        self.decode_preview = preview_decoder(spec.model, profile, model)
        self.seconds: dict[str, float] = {}
        self._has_checkpoint = False
        self._preview_seconds = 0.0
        self._preview_lost = False

    @property
    def finished(self) -> bool:
        """Whether all steps are done; the schedules may end before them (`OptimisationSpec.schedule_steps`)."""
        return self.sjc.step >= self.spec.optimisation.steps

    def optimise(self, cancelled: Callable[[], bool]) -> bool:
        """Do the remaining steps; return False if cancelled (the checkpoint is written then)."""
        self.report(events.Phase("optimising"))
        started, told = time.perf_counter(), 0.0
        total, first = self.spec.optimisation.steps, self.sjc.step
        preview_every = max(1, total // PREVIEWS)
        probe = StepProbe(total - first)
        while not self.finished:
            began = time.perf_counter()
            step = self._advance()
            if not probe.ready:
                self.sjc.settle()  # wait for the GPU, so that the step is timed and not its launch
            now = time.perf_counter()
            if probe.took(now - began):
                self._tell_forecast(probe.step_seconds)
            if now - told >= PROGRESS_SECONDS or self.finished:
                told = now
                self.report(self._progress(step, (self.sjc.step - first) / (now - started)))
            if self.sjc.step % preview_every == 0 or self.sjc.step == 1:
                began = time.perf_counter()
                with_less_memory(self.preview, self.model, self.report)
                self._preview_seconds = time.perf_counter() - began
            # Pauses count neither for the rate nor for the time.
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
        """Make the colours, the mesh and the files; return False if cancelled."""
        started = time.perf_counter()
        self.report(events.Phase("colouring"))
        colour = with_less_memory(
            lambda: fit_colour(self.sjc.field, self.model, self._colour_cameras()), self.model, self.report
        )
        self.seconds["colouring"] = time.perf_counter() - started
        if cancelled():
            self.report(events.Cancelled(self.sjc.step))
            return False
        started = time.perf_counter()
        self.report(events.Phase("writing the results"))
        outputs = self.spec.outputs
        grid = colour.grid
        if self.sjc.proxy is not None:
            grid = with_neighbours_colours(grid, self.sjc.proxy.occupancy)
        mesh = extract_mesh(grid, self.spec, self.report) if outputs.mesh else None
        self.seconds["meshing"] = time.perf_counter() - started
        result = write_result(self.folder, self.spec, grid, mesh, self._metrics(colour.psnr), self.report)
        with contextlib.suppress(OSError):
            self.folder.live_field.unlink(missing_ok=True)
        self.report(result)
        return True

    def _keep_pause(self) -> float:
        """Pause if requested; return the seconds paused."""
        if not self.pause.wanted:
            return 0.0
        began = time.perf_counter()
        self.save_checkpoint()
        self.report(events.Paused(self.sjc.step))
        self.pause.keep()
        self.report(events.WentOn(self.sjc.step))
        return time.perf_counter() - began

    def restore_checkpoint(self) -> None:
        """Load the checkpoint."""
        self.sjc.restore(*checkpoint.load(self.folder.checkpoint, scheduled(self.spec)))
        self._has_checkpoint = True

    def save_checkpoint(self) -> None:
        """Write and report a checkpoint."""
        checkpoint.save(
            self.folder.to_write(self.folder.checkpoint), scheduled(self.spec), self.sjc.step, self.sjc.tensors()
        )
        self._has_checkpoint = True
        self.report(events.CheckpointSaved(self.folder.relative(self.folder.checkpoint), self.sjc.step))

    def _advance(self) -> StepReport:
        """Do a step; if memory runs out, restore the state before it and repeat it at a lower memory level."""
        random = self.sjc.generator.get_state()

        def restore() -> None:
            if self.sjc.whole:
                self.sjc.generator.set_state(random)
            elif self._has_checkpoint:
                self.restore_checkpoint()
            else:
                self.sjc = self._first_state()

        return with_less_memory(lambda: self.sjc.advance(), self.model, self.report, restore)

    def _first_state(self) -> ScoreJacobianChaining:
        """The optimisation before its first step."""
        sjc = ScoreJacobianChaining(scheduled(self.spec), self.model, self.conditioner)
        prepare(sjc, self.folder)
        return sjc

    def _tell_forecast(self, step_seconds: float) -> None:
        """Report the estimated time once, when enough steps are done."""
        if self.forecast is None:
            return
        left = self.spec.optimisation.steps - self.sjc.step
        previews = round(PREVIEWS * left / self.spec.optimisation.steps)
        colour_views = self.spec.outputs.colour_views
        seconds = run_seconds(step_seconds, left, self._preview_seconds, previews, colour_views)
        self.report(dataclasses.replace(self.forecast, seconds=seconds))

    def preview(self) -> None:
        """Render and decode the preview camera, write the picture and the coarse field, and report them."""
        camera = self.spec.outputs.preview_camera or self._front_camera()
        size = self.model.sample_size
        rays = camera_rays(camera, size, size, device=self.model.device)
        sample = render_chunked(self.sjc.field, rays).image
        picture = self.decode_preview(sample[None])[0]
        # A failed preview does not stop the job; the next one may work.
        try:
            path = self.folder.to_write(self.folder.preview(self.sjc.step))
            write_png(path, enlarged(picture))
            self.report(events.Preview(self.folder.relative(path), self.sjc.step))
            live = self.folder.to_write(self.folder.live_field)
            write_live_field(live, self.sjc.field, self.spec.domain.matrix_world, sample, picture)
            self.report(events.LiveField(self.folder.relative(live), self.sjc.step))
        except SjcError as error:
            if not self._preview_lost:
                self._preview_lost = True
                self.report(events.Warned(f"A preview is missing, and the job goes on without it. {error.message}"))

    def _progress(self, step: StepReport, rate: float) -> events.Progress:
        total = self.spec.optimisation.steps
        left = (total - self.sjc.step) / rate if rate > 0 else 0.0
        return events.Progress(self.sjc.step, total, rate, left, step.sigma, step.losses)

    def _front_camera(self) -> Camera:
        orbit = self.profile.orbit
        return orbit_camera(25.0, 20.0, sum(orbit.distance) / 2, sum(orbit.field_of_view) / 2, "preview")

    def _colour_cameras(self) -> list[Camera]:
        """Return views all around, evenly spread over the rig's elevations (a golden-angle spiral)."""
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
    """Return an SjcError for any exception."""
    if isinstance(error, SjcError):
        return error
    if is_out_of_memory(error):
        return SjcError(
            "out_of_memory",
            "The job ran out of memory.",
            "Choose a quicker preset or a lower field resolution, close other programs, then resume: "
            "the last checkpoint is kept.",
        )
    return SjcError(
        "internal_error",
        f"The engine stopped because of an internal error ({type(error).__name__}: {error}).",
        "log.txt in the job folder has the details; please report them.",
    )
