"""Score Jacobian Chaining: the optimisation, one step at a time.

Wang, Du, Li, Yeh, Shakhnarovich, CVPR 2023, https://arxiv.org/abs/2212.00774, Algorithm 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..protocol.errors import SjcError
from ..protocol.spec import JobSpec
from .estimator import paas_gradient
from .losses import camouflage, centre_depth, emptiness, reference_samples_per_ray
from .radiance.field import VoxelField
from .radiance.rays import camera_rays
from .radiance.renderer import render
from .score_models.conditioning import Conditioner
from .score_models.score_model import ScoreModel
from .viewpoints import sample_viewpoint

MAX_SKIPPED_IN_A_ROW = 20


@dataclass(frozen=True)
class StepReport:
    """What one step did.

    Attributes
    ----------
    sigma : float
        Its noise level.
    losses : dict of str to float
        Unweighted values.
    skipped : bool
        True if the network's output was not finite; the field is then unchanged.
    """

    sigma: float
    losses: dict[str, float]
    skipped: bool = False


class ScoreJacobianChaining:
    """The state of an optimisation: field, optimiser, random numbers, steps done.

    Parameters
    ----------
    spec : JobSpec
    model : ScoreModel
    conditioner : Conditioner

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
        self.skipped = 0
        self._skipped_in_a_row = 0
        # Random numbers come from the CPU whatever the device, so that a seed means one result everywhere.
        self.generator = torch.Generator().manual_seed(spec.seed)
        self.field = VoxelField(
            spec.domain.half_extents,
            spec.field.resolution,
            model.channels,
            feature_std=spec.field.feature_std,
            background=spec.field.background,
            pixel_space=model.pixel_space,
            generator=self.generator,
        ).to(model.device)
        o = spec.optimisation
        self.render_size = o.render_size or model.sample_size
        self.optimiser = torch.optim.Adamax(self.field.parameter_groups(o.learning_rate, o.background_learning_rate))

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.step >= self.spec.optimisation.steps

    def advance(self) -> StepReport:
        """Do one step.

        Raises
        ------
        SjcError
            ``network_not_finite`` after 20 steps in a row whose network output was NaN or infinite.
        """
        o = self.spec.optimisation
        # A view of the scene, rendered.
        viewpoint = sample_viewpoint(self.spec.cameras, self.generator)
        size = self.render_size
        rendering = render(self.field, camera_rays(viewpoint.camera, size, size, device=self.model.device))
        image = rendering.image[None]
        # Perturb and average (one sample): the 2D score of the render, Eq. 15 or 16.
        timestep = self._draw_timestep()
        noise = torch.randn(image.shape, generator=self.generator).to(image)
        condition = self.conditioner.at(viewpoint)
        score = paas_gradient(
            self.model, image.detach(), timestep, condition, noise, estimator=o.estimator, sigma_power=o.sigma_power
        )
        sigma = float(self.model.sigmas[timestep])
        if not bool(torch.isfinite(score).all()):
            return self._skip(sigma)
        self._skipped_in_a_row = 0
        # Chain: the score through the renderer's Jacobian, Eq. 6; ascent, hence the sign.
        objective = -(score * image).sum()
        # Regularise.
        empty = emptiness(rendering.weights, o.emptiness_scale, reference_samples_per_ray(self.field))
        late = self.step >= o.emptiness_late_start * o.steps
        objective = objective + o.emptiness_weight * (o.emptiness_late_factor if late else 1.0) * empty
        losses = {"score": float(score.square().mean().sqrt()), "emptiness": float(empty.detach())}
        if o.depth_weight > 0:
            depth = centre_depth(rendering.depth)
            objective = objective + o.depth_weight * depth
            losses["depth"] = float(depth.detach())
        if late and o.camouflage_weight > 0:
            hidden = camouflage(self.field, o.camouflage_reach)
            objective = objective + o.camouflage_weight * hidden
            losses["camouflage"] = float(hidden.detach())
        # Update.
        self.optimiser.zero_grad(set_to_none=True)
        objective.backward()
        self.optimiser.step()
        self.step += 1
        return StepReport(sigma, losses)

    def tensors(self) -> dict[str, torch.Tensor]:
        """The whole state, for a checkpoint."""
        state = {f"field.{name}": value for name, value in self.field.state_dict().items()}
        for index, slots in self.optimiser.state_dict()["state"].items():
            state.update({f"adamax.{index}.{name}": torch.as_tensor(value) for name, value in slots.items()})
        state["random"] = self.generator.get_state()
        state["skipped"] = torch.tensor([self.skipped, self._skipped_in_a_row])
        return state

    def restore(self, step: int, tensors: dict[str, torch.Tensor]) -> None:
        """Take up the state that `tensors` held after `step` steps."""
        fields = {name.removeprefix("field."): t for name, t in tensors.items() if name.startswith("field.")}
        self.field.load_state_dict(fields)
        slots: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("adamax."):
                _, index, slot = name.split(".")
                slots.setdefault(int(index), {})[slot] = tensor
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": slots, "param_groups": groups})
        self.generator.set_state(tensors["random"])
        self.skipped, self._skipped_in_a_row = (int(n) for n in tensors["skipped"])
        self.step = step

    def _draw_timestep(self) -> int:
        o = self.spec.optimisation
        first, last = o.timesteps
        if o.timesteps_end is not None:
            share = self.step / o.steps
            first = round(first + share * (o.timesteps_end[0] - first))
            last = round(last + share * (o.timesteps_end[1] - last))
        return int(torch.randint(first, last + 1, (), generator=self.generator))

    def _skip(self, sigma: float) -> StepReport:
        self.skipped += 1
        self._skipped_in_a_row += 1
        if self._skipped_in_a_row >= MAX_SKIPPED_IN_A_ROW:
            raise SjcError(
                "network_not_finite",
                f"The model returned NaN or infinite values {MAX_SKIPPED_IN_A_ROW} steps in a row.",
                "Run it in float32 or bfloat16 instead of float16, or lower the guidance scale.",
            )
        self.step += 1
        return StepReport(sigma, {}, skipped=True)


def _check_timesteps(spec: JobSpec, count: int) -> None:
    ranges = {"timesteps": spec.optimisation.timesteps, "timesteps_end": spec.optimisation.timesteps_end}
    for name, value in ranges.items():
        if value is not None and value[1] >= count:
            raise SjcError(
                "timesteps_outside_model",
                f"optimisation.{name} is {list(value)}, but the model's sigma table has the indices 0 to {count - 1}.",
                "Choose a range within the table.",
            )
