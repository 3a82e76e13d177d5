# SPDX-License-Identifier: GPL-3.0-or-later
"""Score Jacobian Chaining: the optimisation, one step at a time.

Wang, Du, Li, Yeh, Shakhnarovich, CVPR 2023, https://arxiv.org/abs/2212.00774, Algorithm 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ...protocol.errors import SjcError
from ...protocol.spec import Camera, JobSpec
from ..cameras.viewpoints import sample_viewpoints, seen_from_above
from ..radiance.adamax import SkippingAdamax, adamax_for
from ..radiance.blob import start_from_blob
from ..radiance.field import VoxelField
from ..radiance.kept_field import KeptField
from ..radiance.marching import RadianceField
from ..radiance.proxy import Proxy, pull_weight
from ..radiance.rays import camera_rays
from ..radiance.renderer import Rendering, render
from ..radiance.resampling import resample_optimiser, resample_parameters
from ..radiance.sharpening import sharpen
from ..score_models.conditioning import Conditioner
from ..score_models.pipeline_model import PipelineModel
from ..score_models.score_model import ScoreModel, views_seen_together
from .estimator import paas_gradient
from .guide import Guide
from .known_background import background_of
from .loss_unit import emptiness_scale, loss_unit
from .regularisation import Pull, regularisation
from .schedules import (
    clip_limit,
    holds,
    nearest_level,
    resolution,
    schedule_share,
    sharpens,
    timestep_range,
)
from .seen_picture import SeenPicture

MAX_SKIPPED_IN_A_ROW = 20


@dataclass(frozen=True)
class StepReport:
    """What one step did.

    Attributes
    ----------
    sigma : float
        Its noise level.
    measured : dict of str to Tensor
        Unweighted losses, and the size of the score, on the model's device.
    finite : Tensor
        Scalar, on the model's device: whether the network's output was finite.
    """

    sigma: float
    measured: dict[str, torch.Tensor]
    finite: torch.Tensor

    @property
    def losses(self) -> dict[str, float]:
        """The measured values as numbers; waits for the device."""
        return {name: float(value) for name, value in self.measured.items()}

    @property
    def skipped(self) -> bool:
        """True if the network's output was not finite; the field is then unchanged. Waits for the device."""
        return not bool(self.finite)


class ScoreJacobianChaining:
    """The state of an optimisation: field, optimiser, random numbers, steps done.

    `evaluations` counts the samples that have gone through the network, the larger part of the cost. `proxy` is the
    shape that the density is held to, `guide` what steers the model, `picture` what it sees beside the prompt, `kept`
    what no step may change, if there is any.

    Raises
    ------
    SjcError
        ``timesteps_outside_model`` if the spec's range does not fit the model's sigma table.
    """

    def __init__(self, spec: JobSpec, model: ScoreModel, conditioner: Conditioner) -> None:
        _check_timesteps(spec, len(model.sigmas))
        self.spec = spec
        self.model = model
        self.conditioner = conditioner
        self.step = 0
        self.evaluations = 0
        self.proxy: Proxy | None = None
        self.guide: Guide | None = None
        self.picture: SeenPicture | None = None
        self.kept: KeptField | None = None
        self._skipped, self._skipped_in_a_row = 0, 0
        # On a GPU the host does not wait to hear whether a step's scores were finite: see `settle`.
        self._waits = model.device.type != "cuda"
        self._unsettled: list[torch.Tensor] = []
        self.whole = True  # False while field and optimiser change, and after a failure during that
        # Random numbers come from the CPU whatever the device, so that a seed means one result everywhere.
        self.generator = torch.Generator().manual_seed(spec.seed)
        self.render_size = spec.optimisation.render_size or model.sample_size
        self.field = new_field(spec, model, step=0, generator=self.generator)
        if spec.field.blob_density > 0:
            start_from_blob(self.field, spec.field.blob_density)
        self.optimiser = self._new_optimiser()

    def advance(self) -> StepReport:
        """Do one step.

        Raises
        ------
        SjcError
            ``network_not_finite``: see `settle`.
        """
        o = self.spec.optimisation
        share = schedule_share(self.spec, self.step)
        # Views of the scene, rendered.
        rig = self.spec.cameras if share >= o.above_until else seen_from_above(self.spec.cameras)
        viewpoints = sample_viewpoints(rig, o.views, self.generator, views_seen_together(self.model))
        cameras = [viewpoint.camera for viewpoint in viewpoints]
        scenes = [self._before_background() for _ in cameras]
        renderings = self._render(scenes, cameras)
        images = torch.stack([rendering.image for rendering in renderings])
        # Perturb and average: the 2D scores of the renders, Eq. 15 or 16.
        timestep = self._draw_timestep(share)
        noises = torch.randn(len(images), o.noises, *images.shape[1:], generator=self.generator).to(images)
        conditions = [self.conditioner.at(viewpoint) for viewpoint in viewpoints]
        if self.guide is not None and self.guide.acts_at(timestep, len(self.model.sigmas)):
            conditions = self.guide.steer(conditions, cameras)
        if self.picture is not None:
            conditions = self.picture.show(conditions, viewpoints)
        scores = paas_gradient(self.model, images.detach(), timestep, conditions, noises, o)
        evaluations = o.noises * sum(condition.evaluations for condition in conditions)
        report = StepReport(float(self.model.sigmas[timestep]), {}, torch.isfinite(scores).all())
        waits = self._waits or not isinstance(self.optimiser, SkippingAdamax)
        if waits:
            self._unsettled.append(report.finite)
            self.settle()
            if report.skipped:
                self.evaluations += evaluations
                self._count_step()
                return report
        limit = clip_limit(o, share)
        if limit is not None:
            scores = scores.clamp(-limit, limit)
        # Chain: the scores through the renderer's Jacobian, Eq. 6; ascent, hence the sign.
        objective = -(scores * images).sum() / len(images)
        # Regularise.
        size = scores.square().mean().sqrt()
        pull = None
        if self.proxy is not None and holds(self.proxy.looseness, o, self.step):
            pull = Pull(self.proxy, pull_weight(size, images))
        unit = loss_unit(o, self.field, scores)
        penalty, losses = regularisation(self.spec, self.field, renderings, share, unit, proxy=pull)
        report.measured.update(score=size, **losses)
        # Update.
        self.optimiser.zero_grad(set_to_none=True)
        (objective + penalty).backward()
        if self.kept is not None:
            self.kept.leave_out(self.field)
        # Counted from here on: before, the step may be done again, with less memory.
        self.evaluations += evaluations
        if not waits:
            self._unsettled.append(report.finite)
        if isinstance(self.optimiser, SkippingAdamax):
            self.optimiser.permitted = report.finite
        self.whole = False
        self.optimiser.step()
        if self.proxy is not None:
            self.proxy.confine(self.field)
        if self.kept is not None:
            self.kept.restore(self.field)
        self._count_step()
        self.whole = True
        if len(self._unsettled) >= MAX_SKIPPED_IN_A_ROW:
            self.settle()
        return report

    @property
    def skipped(self) -> int:
        """Number of steps skipped so far."""
        self.settle()
        return self._skipped

    def settle(self) -> None:
        """Wait for the device, and count the skipped steps since the last call.

        Raises
        ------
        SjcError
            ``network_not_finite`` after 20 skipped steps in a row.
        """
        if not self._unsettled:
            return
        finite, self._unsettled = torch.stack(self._unsettled).tolist(), []
        for one in finite:
            self._skipped += not one
            self._skipped_in_a_row = 0 if one else self._skipped_in_a_row + 1
        if self._skipped_in_a_row >= MAX_SKIPPED_IN_A_ROW:
            raise SjcError(
                "network_not_finite",
                f"The model returned NaN or infinite values {self._skipped_in_a_row} steps in a row.",
                "Run it in float32 or bfloat16 instead of float16, or lower the guidance scale.",
            )

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the whole state, for a checkpoint."""
        state = {f"field.{name}": value for name, value in self.field.state_dict().items()}
        for index, slots in self.optimiser.state_dict()["state"].items():
            state.update({f"adamax.{index}.{name}": torch.as_tensor(value) for name, value in slots.items()})
        state["random"] = self.generator.get_state()
        state["skipped"] = torch.tensor([self.skipped, self._skipped_in_a_row])
        state["evaluations"] = torch.tensor(self.evaluations)
        return state

    def restore(self, step: int, tensors: dict[str, torch.Tensor]) -> None:
        """Restore the state of a checkpoint of `step` steps."""
        self.field = restored_field(self.spec, self.model, step, tensors)
        self.optimiser = self._new_optimiser()
        slots: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("adamax."):
                _, index, slot = name.split(".")
                slots.setdefault(int(index), {})[slot] = tensor
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": slots, "param_groups": groups})
        self.generator.set_state(tensors["random"])
        self._skipped, self._skipped_in_a_row = (int(n) for n in tensors["skipped"])
        self._unsettled = []
        self.evaluations = int(tensors["evaluations"])
        self.step = step
        self.whole = True

    def _new_optimiser(self) -> torch.optim.Adamax:
        o = self.spec.optimisation
        return adamax_for(self.field, self.field.parameter_groups(o.learning_rate, o.background_learning_rate))

    def _render(self, scenes: Sequence[RadianceField], cameras: Sequence[Camera]) -> list[Rendering]:
        size, device = self.render_size, self.model.device
        scale = emptiness_scale(self.spec.optimisation, self.field)
        rays = [camera_rays(camera, size, size, device=device) for camera in cameras]
        return [render(*view, emptiness_scale=scale) for view in zip(scenes, rays, strict=True)]

    def _before_background(self) -> RadianceField:
        """Return the field, each time with another background colour if that is random."""
        if self.spec.field.background_kind != "random":
            return self.field
        return self.field.before(self._random_colour().to(self.model.device))

    def _random_colour(self) -> torch.Tensor:
        """Return a colour [C] in feature space: any pixel, or a latent with standard deviation 1."""
        channels = self.model.channels
        if self.model.pixel_space:
            return 2 * torch.rand(channels, generator=self.generator) - 1
        return torch.randn(channels, generator=self.generator)

    def _draw_timestep(self, share: float) -> int:
        first, last = timestep_range(self.spec.optimisation, share)
        drawn = int(torch.randint(first, last + 1, (), generator=self.generator))
        levels = self.model.levels if isinstance(self.model, PipelineModel) else ()
        return nearest_level(drawn, levels, (first, last))

    def _count_step(self) -> None:
        """Count a step, and sharpen the density or refine the grid when due."""
        self.step += 1
        if sharpens(self.spec, self.step):
            free = None if self.kept is None else self.kept.free(self.field)
            sharpen(self.field, self.spec.optimisation.sharpening, free)
            if self.kept is not None:
                self.kept.restore(self.field)
        before, now = (
            resolution(self.spec.field, schedule_share(self.spec, step)) for step in (self.step - 1, self.step)
        )
        if now == before:
            return
        coarse, coarse_optimiser = self.field, self.optimiser
        self.field = new_field(self.spec, self.model, self.step)
        resample_parameters(coarse, self.field)
        if self.kept is not None:
            self.kept.carry_on(self.field)
        self.optimiser = self._new_optimiser()
        resample_optimiser(coarse_optimiser, self.optimiser, coarse, self.field)


def new_field(spec: JobSpec, model: ScoreModel, step: int, generator: torch.Generator | None = None) -> VoxelField:
    """Return a new field with the grid of a step, on the model's device, with its initial content."""
    settings = spec.field
    background, learned = background_of(settings, model)
    return VoxelField(
        spec.domain.half_extents,
        resolution(settings, schedule_share(spec, step)),
        model.channels,
        feature_std=settings.feature_std,
        background=background,
        learned_background=learned,
        pixel_space=model.pixel_space,
        renderer=settings.renderer,
        generator=generator,
    ).to(model.device)


def restored_field(spec: JobSpec, model: ScoreModel, step: int, tensors: dict[str, torch.Tensor]) -> VoxelField:
    """Return the field of a checkpoint, on the model's device."""
    field = new_field(spec, model, step)
    prefix = "field."
    field.load_state_dict({name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)})
    return field


def _check_timesteps(spec: JobSpec, count: int) -> None:
    ranges = {"timesteps": spec.optimisation.timesteps, "timesteps_end": spec.optimisation.timesteps_end}
    for name, value in ranges.items():
        if value is not None and value[1] >= count:
            raise SjcError(
                "timesteps_outside_model",
                f"optimisation.{name} is {list(value)}, but the model's sigma table has the indices 0 to {count - 1}.",
                "Choose a range within the table.",
            )
